package org.pocketmatte;

/** How an 8-bit tensor codes real numbers: {@code real = scale * (level - zeroPoint)}; the file states both. */
public final class Quantization {
    private final float scale;
    private final int zeroPoint;
    private final int lowest;

    /** @param signed levels -128..127 (int8), else 0..255 (uint8) */
    public Quantization(float scale, int zeroPoint, boolean signed) {
        if (!(scale > 0) || Float.isInfinite(scale)) {
            throw new IllegalArgumentException("expected a positive scale, found " + scale + ": is the tensor quantised?");
        }
        this.scale = scale;
        this.zeroPoint = zeroPoint;
        lowest = signed ? -128 : 0;
    }

    /** Nearest level, half to even, kept within the eight bits. */
    public byte level(float real) {
        double level = Math.rint(real / scale) + zeroPoint;
        return (byte) (int) Math.max(lowest, Math.min(lowest + 255, level));
    }

    public float real(byte level) {
        return ((lowest < 0 ? level : level & 255) - zeroPoint) * scale;
    }

    public byte[] levels(float[] reals) {
        byte[] levels = new byte[reals.length];
        for (int i = 0; i < reals.length; i++) {
            levels[i] = level(reals[i]);
        }
        return levels;
    }

    public float[] reals(byte[] levels) {
        float[] reals = new float[levels.length];
        for (int i = 0; i < levels.length; i++) {
            reals[i] = real(levels[i]);
        }
        return reals;
    }
}
