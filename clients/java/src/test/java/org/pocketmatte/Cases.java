package org.pocketmatte;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Runs the library on files, for a test in another language to compare: {@code java org.pocketmatte.Cases FOLDER}.
 *
 * <p>{@code cases.json} in the folder is a list of objects with the name of an operation and its files and numbers.
 * Results are raw little-endian files; a refusal is written as text to {@code NAME.error}.
 */
public final class Cases {
    private final Path folder;
    private final Map<?, ?> values;

    private Cases(Path folder, Map<?, ?> values) {
        this.folder = folder;
        this.values = values;
    }

    public static void main(String[] arguments) throws IOException {
        Path folder = Path.of(arguments[0]);
        for (Object entry : (List<?>) Json.parse(Files.readString(folder.resolve("cases.json")))) {
            Cases one = new Cases(folder, (Map<?, ?>) entry);
            try {
                one.run();
            } catch (IllegalArgumentException refused) {
                Files.writeString(folder.resolve(one.text("out") + ".error"), refused.getMessage());
            }
        }
    }

    private void run() throws IOException {
        switch (text("run")) {
            case "tensor":
                write(new Portrait(spec()).tensor(picture()));
                break;
            case "matte":
                Portrait portrait = new Portrait(spec());
                portrait.inputs(picture());
                Matte matte = portrait.matte(Map.of(spec().outputName, floats("tensor")));
                write(text("enlarge").equals("guided")
                        ? Guided.enlarge(matte, picture()).alpha
                        : matte.resized(picture().height, picture().width).alpha);
                break;
            case "clean":
                write(Clean.unsure(new Matte(number("height"), number("width"), floats("alpha"))).alpha);
                break;
            case "video":
                video();
                break;
            case "resize":
                Picture source = picture();
                Resize.Filter filter = Resize.Filter.valueOf(text("filter").toUpperCase(Locale.ROOT));
                int height = number("to_height");
                write(Resize.bytes(source.rgb, source.height, source.width, 3, height, number("to_width"), filter));
                break;
            case "turn":
                int[] pixels = new int[number("height") * number("width")];
                bytes(text("image")).asIntBuffer().get(pixels);
                boolean mirror = number("mirror") == 1;
                write(Picture.fromArgb(pixels, number("height"), number("width"), number("degrees"), mirror).rgb);
                break;
            case "camera":
                int stride = number("stride");
                write(Picture.fromRgba(bytes(text("image")), stride, number("height"), number("width"), 90, true).rgb);
                break;
            case "quantize":
                Quantization code = new Quantization(Float.parseFloat(text("scale")), number("zero"), number("signed") == 1);
                byte[] levels = code.levels(floats("reals"));
                write(levels);
                Files.write(folder.resolve(text("out") + ".back"), raw(code.reals(levels)));
                break;
            case "unpack":
                write(BitMask.unpack(floats("packed"), number("height"), number("width"), number("bits"), BitMask.FRACTION));
                break;
            case "golden":
                golden();
                break;
            case "spec":
                spec();
                break;
            default:
                throw new IllegalStateException("unknown operation " + text("run"));
        }
    }

    /** What every step is fed as memory, after outputs that are files; a reset before the last step. */
    private void video() throws IOException {
        Portrait portrait = new Portrait(spec());
        List<?> steps = (List<?>) values.get("steps");
        String input = spec().states.get(0).input;
        float[][] fed = new float[steps.size()][];
        for (int i = 0; i < fed.length; i++) {
            if (i == fed.length - 1) {
                portrait.reset();
            }
            fed[i] = portrait.inputs(picture()).get(input).clone();
            portrait.matte(Map.of(spec().outputName, array(bytes((String) steps.get(i)))));
        }
        ByteBuffer all = ByteBuffer.allocate(fed.length * fed[0].length * 4).order(ByteOrder.LITTLE_ENDIAN);
        for (float[] one : fed) {
            all.put(raw(one));
        }
        write(all.array());
    }

    private void golden() throws IOException {
        try (InputStream stream = Files.newInputStream(folder.resolve(text("golden")))) {
            Golden golden = Golden.read(stream);
            Portrait portrait = new Portrait(spec());
            double levels = golden.levels(portrait.tensor(golden.picture), spec());
            double difference = golden.difference(portrait.grid(floats("output")).alpha);
            String found = String.format(Locale.ROOT, "[%.9f, %.9f, %.9f]", levels, difference, golden.bound);
            write(found.getBytes(StandardCharsets.UTF_8));
        }
    }

    private ModelSpec spec() throws IOException {
        return ModelSpec.parse(Files.readString(folder.resolve(text("spec"))));
    }

    private Picture picture() throws IOException {
        return new Picture(number("height"), number("width"), bytes(text("image")).array());
    }

    private String text(String key) {
        return (String) values.get(key);
    }

    private int number(String key) {
        return ((Double) values.get(key)).intValue();
    }

    private ByteBuffer bytes(String name) throws IOException {
        return ByteBuffer.wrap(Files.readAllBytes(folder.resolve(name))).order(ByteOrder.LITTLE_ENDIAN);
    }

    private float[] floats(String key) throws IOException {
        return array(bytes(text(key)));
    }

    private static float[] array(ByteBuffer data) {
        float[] result = new float[data.remaining() / 4];
        data.asFloatBuffer().get(result);
        return result;
    }

    private static byte[] raw(float[] data) {
        ByteBuffer result = ByteBuffer.allocate(data.length * 4).order(ByteOrder.LITTLE_ENDIAN);
        result.asFloatBuffer().put(data);
        return result.array();
    }

    private void write(float[] data) throws IOException {
        write(raw(data));
    }

    private void write(byte[] data) throws IOException {
        Files.write(folder.resolve(text("out")), data);
    }
}
