package org.pocketmatte;

/**
 * Binary masks carried as bits of floating-point numbers, so that fewer bytes come back from a graphics processor.
 *
 * <p>Each number holds {@code bits} neighbouring pixels of a row, the first in the highest place, {@code fraction} of
 * them behind the binary point. Sixteen bits need float32; eleven survive half precision.
 */
public final class BitMask {
    public static final int FLOAT32_BITS = 16;
    public static final int FLOAT16_BITS = 11;
    public static final int FRACTION = 8;

    private BitMask() {}

    /**
     * Rows of packed numbers to a mask of 0 and 1, {@code height x width} bytes.
     *
     * @throws IllegalArgumentException for too few numbers, or one that is no pattern of {@code bits} bits: the mask
     *     was not exactly 0 and 1, or the bits were lost on the way
     */
    public static byte[] unpack(float[] packed, int height, int width, int bits, int fraction) {
        if (bits < 1 || bits > 16) {
            throw new IllegalArgumentException("between 1 and 16 bits fit into a number, found " + bits);
        }
        int count = packed.length / Math.max(1, height);
        if (height < 1 || width < 1 || packed.length % height != 0 || count * bits < width) {
            throw new IllegalArgumentException(
                    packed.length + " numbers of " + bits + " bits do not hold " + height + " rows of " + width + " pixels");
        }
        byte[] mask = new byte[height * width];
        float scale = 1 << fraction;
        for (int y = 0; y < height; y++) {
            for (int n = 0; n < count; n++) {
                float scaled = packed[y * count + n] * scale;
                int pattern = (int) scaled;
                if (pattern != scaled || pattern < 0 || pattern >= 1 << bits) {
                    throw new IllegalArgumentException(
                            packed[y * count + n] + " is no pattern of " + bits + " bits: was the mask exactly 0 and 1?");
                }
                for (int x = n * bits, place = bits - 1; place >= 0 && x < width; x++, place--) {
                    mask[y * width + x] = (byte) (pattern >> place & 1);
                }
            }
        }
        return mask;
    }
}
