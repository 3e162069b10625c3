package org.pocketmatte;

/** Where a picture lies on the network's grid: {@code height x width} cells from {@code top}, {@code left}. */
public final class Geometry {
    public final int top;
    public final int left;
    public final int height;
    public final int width;

    private Geometry(int top, int left, int height, int width) {
        this.top = top;
        this.left = left;
        this.height = height;
        this.width = width;
    }

    /** Squashed onto the whole grid, or letterboxed: aspect kept, centred, an odd rest at the bottom or right. */
    public static Geometry place(int pictureHeight, int pictureWidth, ModelSpec spec) {
        if (!spec.letterbox) {
            return new Geometry(0, 0, spec.height, spec.width);
        }
        double scale = Math.min((double) spec.height / pictureHeight, (double) spec.width / pictureWidth);
        int height = Math.min(spec.height, Math.max(1, (int) (pictureHeight * scale + 0.5)));
        int width = Math.min(spec.width, Math.max(1, (int) (pictureWidth * scale + 0.5)));
        return new Geometry((spec.height - height) / 2, (spec.width - width) / 2, height, width);
    }

    /** The part of a grid-sized matte that the picture covers. */
    public Matte crop(Matte grid) {
        if (top + height > grid.height || left + width > grid.width) {
            throw new IllegalArgumentException(
                    "this geometry ends at " + (left + width) + "x" + (top + height) + ", the matte is " + grid.width + "x"
                            + grid.height);
        }
        float[] alpha = new float[height * width];
        for (int y = 0; y < height; y++) {
            System.arraycopy(grid.alpha, (top + y) * grid.width + left, alpha, y * width, width);
        }
        return new Matte(height, width, alpha);
    }
}
