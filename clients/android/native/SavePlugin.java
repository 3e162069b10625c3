package org.pocketmatte.app;

import android.content.ContentResolver;
import android.content.ContentValues;
import android.net.Uri;
import android.os.Environment;
import android.provider.MediaStore;
import android.util.Base64;
import android.util.Log;
import com.getcapacitor.Plugin;
import com.getcapacitor.PluginCall;
import com.getcapacitor.PluginMethod;
import com.getcapacitor.annotation.CapacitorPlugin;
import java.io.IOException;
import java.io.OutputStream;

/**
 * Writes a file to the phone's gallery, piece by piece: open, append..., close. One at a time.
 *
 * <p>Android 10 and newer let an app add its own media without any permission; until close nobody else sees the file.
 */
@CapacitorPlugin(name = "Save")
public class SavePlugin extends Plugin {
    private static final String FOLDER = "pocketmatte";

    private Uri entry;
    private OutputStream stream;

    @PluginMethod
    public void open(PluginCall call) {
        discard();
        String type = call.getString("type", "image/png");
        boolean video = type.startsWith("video/");
        ContentValues values = new ContentValues();
        values.put(MediaStore.MediaColumns.DISPLAY_NAME, call.getString("name", "pocketmatte"));
        values.put(MediaStore.MediaColumns.MIME_TYPE, type);
        String parent = video ? Environment.DIRECTORY_MOVIES : Environment.DIRECTORY_PICTURES;
        values.put(MediaStore.MediaColumns.RELATIVE_PATH, parent + "/" + FOLDER);
        values.put(MediaStore.MediaColumns.IS_PENDING, 1);
        try {
            Uri gallery = video
                    ? MediaStore.Video.Media.EXTERNAL_CONTENT_URI
                    : MediaStore.Images.Media.EXTERNAL_CONTENT_URI;
            entry = resolver().insert(gallery, values);
            stream = entry == null ? null : resolver().openOutputStream(entry);
            if (stream == null) {
                throw new IOException("the gallery takes no file");
            }
            call.resolve();
        } catch (IOException | RuntimeException error) {
            fail(call, error);
        }
    }

    @PluginMethod
    public void append(PluginCall call) {
        try {
            if (stream == null) {
                throw new IOException("no file is open");
            }
            stream.write(Base64.decode(call.getString("data", ""), Base64.DEFAULT));
            call.resolve();
        } catch (IOException | RuntimeException error) {
            fail(call, error);
        }
    }

    @PluginMethod
    public void close(PluginCall call) {
        try {
            if (stream == null) {
                throw new IOException("no file is open");
            }
            stream.close();
            stream = null;
            ContentValues values = new ContentValues();
            values.put(MediaStore.MediaColumns.IS_PENDING, 0);
            resolver().update(entry, values, null, null);
            entry = null;
            call.resolve();
        } catch (IOException | RuntimeException error) {
            fail(call, error);
        }
    }

    private void fail(PluginCall call, Exception error) {
        discard();
        call.reject("could not save: " + error.getMessage(), error);
    }

    /** A file that was not finished disappears. */
    private void discard() {
        try {
            if (stream != null) {
                stream.close();
            }
        } catch (IOException error) {
            Log.w(FOLDER, "an unfinished file could not be closed", error);
        }
        if (entry != null) {
            resolver().delete(entry, null, null);
        }
        stream = null;
        entry = null;
    }

    private ContentResolver resolver() {
        return getContext().getContentResolver();
    }
}
