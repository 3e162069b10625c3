package org.pocketmatte;

/**
 * Brings a small matte to the picture's size so that its edge follows the picture's edge.
 *
 * <p>Fast guided filter (He and Sun 2015) on luminance: in each small window alpha is fitted as {@code a * grey + b}, and
 * the coefficients are enlarged and applied to the full-size picture. The Python pipeline guides by colour and does more
 * against noise; this is the short form of it.
 */
public final class Guided {
    private static final int RADIUS = 2;
    private static final float EPS = 2e-4f;

    private Guided() {}

    /** The matte at the size of {@code picture}; the matte must cover the whole of it. */
    public static Matte enlarge(Matte matte, Picture picture) {
        int height = matte.height;
        int width = matte.width;
        byte[] small = Resize.bytes(picture.rgb, picture.height, picture.width, 3, height, width, Resize.Filter.AREA);
        float[] grey = new float[height * width];
        float[] squares = new float[grey.length];
        float[] products = new float[grey.length];
        for (int i = 0; i < grey.length; i++) {
            grey[i] = grey(small, i);
            squares[i] = grey[i] * grey[i];
            products[i] = grey[i] * matte.alpha[i];
        }
        float[] mean = box(grey, height, width);
        float[] meanAlpha = box(matte.alpha, height, width);
        float[] meanSquare = box(squares, height, width);
        float[] meanProduct = box(products, height, width);
        float[] slope = new float[grey.length];
        float[] offset = new float[grey.length];
        for (int i = 0; i < grey.length; i++) {
            slope[i] = (meanProduct[i] - mean[i] * meanAlpha[i]) / (meanSquare[i] - mean[i] * mean[i] + EPS);
            offset[i] = meanAlpha[i] - slope[i] * mean[i];
        }
        Resize.Filter filter = Resize.Filter.BILINEAR;
        slope = Resize.floats(box(slope, height, width), height, width, 1, picture.height, picture.width, filter);
        offset = Resize.floats(box(offset, height, width), height, width, 1, picture.height, picture.width, filter);
        float[] plain = Resize.floats(matte.alpha, height, width, 1, picture.height, picture.width, filter);
        for (int i = 0; i < plain.length; i++) {
            if (plain[i] > 0 && plain[i] < 1) { // what is sure stays, so textures do not show in the matte
                plain[i] = Math.min(1, Math.max(0, slope[i] * grey(picture.rgb, i) + offset[i]));
            }
        }
        return new Matte(picture.height, picture.width, plain);
    }

    private static float grey(byte[] rgb, int pixel) {
        int at = pixel * 3;
        return (0.299f * (rgb[at] & 255) + 0.587f * (rgb[at + 1] & 255) + 0.114f * (rgb[at + 2] & 255)) / 255;
    }

    /** Mean over a window, edges repeated: along rows, then along columns. */
    private static float[] box(float[] values, int height, int width) {
        return lines(lines(values, height, width, width, 1), width, height, 1, width);
    }

    private static float[] lines(float[] values, int lines, int length, int next, int step) {
        float[] result = new float[values.length];
        for (int line = 0; line < lines; line++) {
            for (int i = 0; i < length; i++) {
                float sum = 0;
                for (int k = i - RADIUS; k <= i + RADIUS; k++) {
                    sum += values[line * next + Math.min(length - 1, Math.max(0, k)) * step];
                }
                result[line * next + i * step] = sum / (2 * RADIUS + 1);
            }
        }
        return result;
    }
}
