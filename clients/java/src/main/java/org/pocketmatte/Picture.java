package org.pocketmatte;

import java.nio.ByteBuffer;

/** A picture in memory: {@code rgb} holds {@code height x width x 3} bytes (0..255, unsigned), row after row. */
public final class Picture {
    public final int height;
    public final int width;
    public final byte[] rgb;

    public Picture(int height, int width, byte[] rgb) {
        if (height < 1 || width < 1 || rgb.length != height * width * 3) {
            throw new IllegalArgumentException(
                    "a picture of " + width + "x" + height + " needs " + height * width * 3 + " bytes, found " + rgb.length);
        }
        this.height = height;
        this.width = width;
        this.rgb = rgb;
    }

    /**
     * From packed pixels 0xAARRGGBB, as Android's {@code Bitmap.getPixels} gives them, turned upright.
     *
     * @param degrees how far to turn the pixels clockwise, a multiple of 90: what CameraX calls {@code rotationDegrees}
     * @param mirror swap left and right after turning, as people expect of a front camera
     */
    public static Picture fromArgb(int[] pixels, int height, int width, int degrees, boolean mirror) {
        if (degrees % 90 != 0 || pixels.length < height * width) {
            throw new IllegalArgumentException(
                    "expected " + height * width + " pixels and a multiple of 90 degrees, found " + pixels.length
                            + " pixels, " + degrees + " degrees");
        }
        int quarter = Math.floorMod(degrees / 90, 4);
        boolean lying = quarter % 2 == 1;
        Picture out = new Picture(lying ? width : height, lying ? height : width, new byte[height * width * 3]);
        for (int y = 0, to = 0; y < out.height; y++) {
            for (int x = 0; x < out.width; x++, to += 3) {
                int across = mirror ? out.width - 1 - x : x;
                int row = quarter == 0 ? y : quarter == 1 ? height - 1 - across : quarter == 2 ? height - 1 - y : across;
                int column = quarter == 0 ? across : quarter == 1 ? y : quarter == 2 ? width - 1 - across : width - 1 - y;
                int pixel = pixels[row * width + column];
                out.rgb[to] = (byte) (pixel >> 16);
                out.rgb[to + 1] = (byte) (pixel >> 8);
                out.rgb[to + 2] = (byte) pixel;
            }
        }
        return out;
    }

    /**
     * From the first plane of an RGBA image, as CameraX gives it; see {@link #fromArgb} for {@code degrees}, {@code mirror}.
     *
     * @param rowStride bytes from one row to the next, at least four times {@code width}
     */
    public static Picture fromRgba(ByteBuffer plane, int rowStride, int height, int width, int degrees, boolean mirror) {
        int start = plane.position();
        if (rowStride < width * 4 || plane.remaining() < (height - 1) * rowStride + width * 4) {
            throw new IllegalArgumentException(
                    "expected " + height + " rows of " + width + " RGBA pixels, found " + plane.remaining() + " bytes, "
                            + rowStride + " in a row");
        }
        int[] pixels = new int[height * width];
        for (int y = 0, to = 0; y < height; y++) {
            for (int x = 0, at = start + y * rowStride; x < width; x++, at += 4) {
                pixels[to++] = (plane.get(at) & 255) << 16 | (plane.get(at + 1) & 255) << 8 | plane.get(at + 2) & 255;
            }
        }
        return fromArgb(pixels, height, width, degrees, mirror);
    }
}
