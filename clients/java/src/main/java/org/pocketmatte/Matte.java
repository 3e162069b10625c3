package org.pocketmatte;

/** How much of each pixel is person: {@code alpha} holds {@code height x width} values 0..1, row after row. */
public final class Matte {
    public final int height;
    public final int width;
    public final float[] alpha;

    public Matte(int height, int width, float[] alpha) {
        if (height < 1 || width < 1 || alpha.length != height * width) {
            throw new IllegalArgumentException(
                    "a matte of " + width + "x" + height + " needs " + height * width + " values, found "
                            + alpha.length);
        }
        this.height = height;
        this.width = width;
        this.alpha = alpha;
    }

    /** Bilinear where it grows, the mean where it shrinks; half-pixel centres. */
    public Matte resized(int newHeight, int newWidth) {
        float[] values = Resize.floats(alpha, height, width, 1, newHeight, newWidth, Resize.Filter.AREA);
        return new Matte(newHeight, newWidth, values);
    }

    /** The picture with this matte as its straight alpha, packed 0xAARRGGBB, as Android's {@code Bitmap} takes it. */
    public int[] cutOut(Picture picture) {
        if (picture.height != height || picture.width != width) {
            throw new IllegalArgumentException(
                    "the matte is " + width + "x" + height + ", the picture " + picture.width + "x" + picture.height);
        }
        int[] pixels = new int[alpha.length];
        for (int i = 0, c = 0; i < pixels.length; i++, c += 3) {
            int opacity = Math.round(alpha[i] * 255);
            int color = (picture.rgb[c] & 255) << 16 | (picture.rgb[c + 1] & 255) << 8 | picture.rgb[c + 2] & 255;
            pixels[i] = opacity << 24 | color;
        }
        return pixels;
    }
}
