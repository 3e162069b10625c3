package org.pocketmatte;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;

/** The golden vectors of a model, {@code golden.npz}: a picture, and the tensor and alpha that it must give. */
public final class Golden {
    private static final Pattern HEADER =
            Pattern.compile("'descr': '([^']+)', 'fortran_order': False, 'shape': \\(([0-9, ]*)\\)");

    public final Picture picture;
    /** The prepared input, flat NHWC. */
    public final float[] tensor;
    /** Alpha of the trained network at network size. */
    public final float[] alpha;
    /** How far from {@link #alpha} a file of the shipped precision may be at any pixel. */
    public final double bound;

    private Golden(Map<String, Array> arrays) throws IOException {
        for (String name : new String[] {"image", "tensor", "alpha", "bound"}) {
            if (!arrays.containsKey(name)) {
                throw new IOException("expected golden vectors, found no array called " + name);
            }
        }
        Array image = arrays.get("image");
        byte[] rgb = new byte[image.data.remaining()];
        image.data.get(rgb);
        picture = new Picture(image.shape[0], image.shape[1], rgb);
        tensor = arrays.get("tensor").floats();
        alpha = arrays.get("alpha").floats();
        bound = arrays.get("bound").data.getDouble();
    }

    /** Read the file, here of NumPy's format, from a stream, which is left open. */
    public static Golden read(InputStream stream) throws IOException {
        Map<String, Array> arrays = new HashMap<>();
        ZipInputStream zip = new ZipInputStream(stream);
        for (ZipEntry entry = zip.getNextEntry(); entry != null; entry = zip.getNextEntry()) {
            arrays.put(entry.getName().replace(".npy", ""), new Array(contents(zip)));
        }
        return new Golden(arrays);
    }

    /** Largest difference of a prepared tensor from the golden one, in grey levels of the picture; at most 1 is right. */
    public double levels(float[] prepared, ModelSpec spec) {
        double worst = 0;
        for (int i = 0; i < tensor.length; i++) {
            int c = i % spec.channels;
            double level = c < 3 ? 1 / (255.0 * spec.std[c]) : 1;
            worst = Math.max(worst, Math.abs(prepared[i] - tensor[i]) / level);
        }
        return worst;
    }

    /** Largest difference of an alpha at network size from the golden one; at most {@link #bound} is right. */
    public double difference(float[] found) {
        double worst = 0;
        for (int i = 0; i < alpha.length; i++) {
            worst = Math.max(worst, Math.abs(found[i] - alpha[i]));
        }
        return worst;
    }

    private static byte[] contents(InputStream stream) throws IOException {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        byte[] block = new byte[1 << 16];
        for (int n = stream.read(block); n >= 0; n = stream.read(block)) {
            all.write(block, 0, n);
        }
        return all.toByteArray();
    }

    /** One array of NumPy's .npy format, version 1: C order, little endian. */
    private static final class Array {
        final String type;
        final int[] shape;
        final ByteBuffer data;

        Array(byte[] file) throws IOException {
            int length = file.length > 10 ? (file[8] & 255) + 256 * (file[9] & 255) : 0;
            String head = new String(file, 0, Math.min(file.length, 10 + length), StandardCharsets.ISO_8859_1);
            Matcher header = HEADER.matcher(head);
            if (!header.find()) {
                throw new IOException("expected an array in NumPy's format, found " + file.length + " other bytes");
            }
            type = header.group(1);
            String[] sides = header.group(2).trim().isEmpty() ? new String[0] : header.group(2).split("[, ]+");
            shape = new int[sides.length];
            for (int i = 0; i < sides.length; i++) {
                shape[i] = Integer.parseInt(sides[i]);
            }
            data = ByteBuffer.wrap(file, 10 + length, file.length - 10 - length).slice().order(ByteOrder.LITTLE_ENDIAN);
        }

        float[] floats() throws IOException {
            if (!type.equals("<f2") && !type.equals("<f4")) {
                throw new IOException("expected an array of type <f2 or <f4, found " + type);
            }
            boolean half = type.equals("<f2");
            float[] values = new float[data.remaining() / (half ? 2 : 4)];
            for (int i = 0; i < values.length; i++) {
                values[i] = half ? fromHalf(data.getShort()) : data.getFloat();
            }
            return values;
        }

        private static float fromHalf(int bits) {
            int exponent = bits >> 10 & 31;
            int fraction = bits & 1023;
            float size = Math.scalb((float) (fraction + 1024), exponent - 25);
            if (exponent == 0) {
                size = Math.scalb((float) fraction, -24);
            } else if (exponent == 31) {
                size = fraction == 0 ? Float.POSITIVE_INFINITY : Float.NaN;
            }
            return (bits & 0x8000) != 0 ? -size : size;
        }
    }
}
