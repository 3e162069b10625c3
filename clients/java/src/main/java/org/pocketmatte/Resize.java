package org.pocketmatte;

import java.util.Arrays;

/**
 * The project's one way to resize: a pixel is a cell, its centre lies at 0.5, corners are never aligned.
 *
 * <p>Bytes are rounded as the Python side (OpenCV) rounds them, because a network may answer a change of one grey level
 * in a few percent of its input with several levels of alpha: areas are summed in single precision and rounded half to
 * even after each axis (once, where Python adds whole rows exactly), interpolation counts in 2048ths and drops remainders on the way.
 */
public final class Resize {
    public enum Filter {
        /** The mean along an axis that shrinks, interpolation along one that grows. */
        AREA,
        /** Interpolation between the two nearest centres, always. */
        BILINEAR
    }

    private static final int ONE = 2048;
    private static final int TOGETHER = 4;

    private Resize() {}

    /** For every new cell the first old one, how many there are, and their weights one after the other. */
    private static final class Taps {
        final int[] first;
        final int[] count;
        final int[] start;
        float[] weights = new float[16];
        int used;
        boolean average;
        /** How many old cells make a new one where that is a whole number: then they are summed first, exactly. */
        int ratio;

        Taps(int size) {
            first = new int[size];
            count = new int[size];
            start = new int[size];
        }

        void open(int cell, int from) {
            first[cell] = from;
            start[cell] = used;
        }

        void add(int cell, double weight) {
            if (used == weights.length) {
                weights = Arrays.copyOf(weights, used * 2);
            }
            weights[used++] = (float) weight;
            count[cell]++;
        }

        /** {@code inside}: beyond the outer centres one cell counts alone; else it counts twice, with both weights. */
        static Taps of(int size, int old, Filter filter, boolean inside) {
            Taps taps = new Taps(size);
            taps.average = filter == Filter.AREA && size < old;
            taps.ratio = taps.average && old % size == 0 ? old / size : 0;
            for (int i = 0; i < size; i++) {
                if (taps.average) {
                    taps.average(i, (double) old / size, old);
                } else {
                    taps.interpolate(i, (double) old / size, old, inside);
                }
            }
            return taps;
        }

        private void average(int i, double scale, int old) {
            double from = i * scale;
            double to = from + scale;
            double whole = Math.min(scale, old - from);
            int last = Math.min((int) to, old - 1);
            int inner = Math.min((int) Math.ceil(from), last);
            boolean partial = inner - from > 1e-3;
            open(i, partial ? inner - 1 : inner);
            if (partial) {
                add(i, (inner - from) / whole);
            }
            for (int cell = inner; cell < last; cell++) {
                add(i, 1 / whole);
            }
            if (to - last > 1e-3) {
                add(i, Math.min(Math.min(to - last, 1), whole) / whole);
            }
        }

        private void interpolate(int i, double scale, int old, boolean inside) {
            float position = (float) ((i + 0.5) * scale - 0.5);
            int low = (int) Math.floor(position);
            if (inside) {
                position = Math.min(Math.max(position, 0), old - 1);
                low = Math.min((int) position, Math.max(old - 2, 0));
            }
            open(i, low);
            if (inside && old == 1) {
                add(i, 1);
                return;
            }
            add(i, 1 - (position - low));
            add(i, position - low);
        }
    }

    /** Resize {@code height x width x channels} unsigned bytes. */
    public static byte[] bytes(
            byte[] source, int height, int width, int channels, int newHeight, int newWidth, Filter filter) {
        check(source.length, height, width, channels, newHeight, newWidth);
        if (height == newHeight && width == newWidth) {
            return source.clone();
        }
        Taps across = Taps.of(newWidth, width, filter, true);
        Taps down = Taps.of(newHeight, height, filter, false);
        if (across.average && rowsAreSummed(height, newHeight)) {
            return summed(source, height, width, channels, newHeight, across);
        }
        // Both axes interpolated is one operation with one rounding: the rows keep their eleven binary places.
        boolean once = !across.average && !down.average;
        int[] rows = new int[height * newWidth * channels];
        for (int y = 0, out = 0; y < height; y++) {
            for (int x = 0; x < newWidth; x++) {
                int from = (y * width + across.first[x]) * channels;
                for (int c = 0; c < channels; c++, out++) {
                    if (across.average) {
                        rows[out] = (int) Math.rint(mean(source, from + c, channels, across, x));
                    } else {
                        int sum = interpolated(source, from + c, channels, across, x);
                        rows[out] = once ? sum : (sum >> 9) + 2 >> 2;
                    }
                }
            }
        }
        return columns(rows, newHeight, newWidth * channels, height, down, once ? 4 : -7);
    }

    /** Where Python adds rows in whole numbers before anything is rounded: many of them together, in sixteen bits. */
    private static boolean rowsAreSummed(int height, int newHeight) {
        int repeats = divisor(height, newHeight);
        return repeats >= TOGETHER && height >= 2 * newHeight && height / repeats * 255 <= 65535;
    }

    private static int divisor(int a, int b) {
        return b == 0 ? a : divisor(b, a % b);
    }

    /** Rows in whole numbers, then columns in single precision, then one rounding. */
    private static byte[] summed(byte[] source, int height, int width, int channels, int newHeight, Taps across) {
        int repeats = divisor(height, newHeight);
        int period = height / repeats;
        int phases = newHeight / repeats;
        int newWidth = across.first.length;
        byte[] result = new byte[newHeight * newWidth * channels];
        float[] sums = new float[width * channels];
        int[] total = new int[width * channels];
        for (int y = 0, out = 0; y < newHeight; y++) {
            // In units of 1 / phases of an old row.
            long begin = (long) (y % phases) * period;
            long end = begin + period;
            Arrays.fill(total, 0);
            for (int row = (int) (begin / phases); row * (long) phases < end; row++) {
                int share = (int) (Math.min(end, (row + 1L) * phases) - Math.max(begin, (long) row * phases));
                int from = (y / phases * period + row) * width * channels;
                for (int i = 0; i < total.length; i++) {
                    total[i] += share * (source[from + i] & 255);
                }
            }
            for (int i = 0; i < total.length; i++) {
                sums[i] = total[i];
            }
            for (int x = 0; x < newWidth; x++) {
                for (int c = 0; c < channels; c++, out++) {
                    float value = mean(sums, across.first[x] * channels + c, channels, across, x) * (1f / period);
                    result[out] = (byte) (int) Math.rint(value);
                }
            }
        }
        return result;
    }

    private static float mean(float[] source, int from, int step, Taps taps, int cell) {
        float sum = 0;
        if (taps.ratio > 0) {
            for (int k = 0; k < taps.ratio; k++) {
                sum += source[from + k * step];
            }
            return sum * (1f / taps.ratio);
        }
        int weight = taps.start[cell];
        for (int k = 0; k < taps.count[cell]; k++) {
            sum += taps.weights[weight + k] * source[from + k * step];
        }
        return sum;
    }

    private static float mean(byte[] source, int from, int step, Taps taps, int cell) {
        if (taps.ratio > 0) {
            int total = 0;
            for (int k = 0; k < taps.ratio; k++) {
                total += source[from + k * step] & 255;
            }
            return total * (1f / taps.ratio);
        }
        float sum = 0;
        int weight = taps.start[cell];
        for (int k = 0; k < taps.count[cell]; k++) {
            sum += taps.weights[weight + k] * (source[from + k * step] & 255);
        }
        return sum;
    }

    private static int interpolated(byte[] source, int from, int step, Taps taps, int cell) {
        int sum = 0;
        int weight = taps.start[cell];
        for (int k = 0; k < taps.count[cell]; k++) {
            sum += (int) Math.rint(taps.weights[weight + k] * ONE) * (source[from + k * step] & 255);
        }
        return sum;
    }

    /** {@code places}: how far the values of {@code rows} are shifted right before they are weighted. */
    private static byte[] columns(int[] rows, int newHeight, int stride, int height, Taps down, int places) {
        byte[] result = new byte[newHeight * stride];
        float[] sums = new float[stride];
        for (int y = 0, out = 0; y < newHeight; y++) {
            int top = Math.max(0, down.first[y]) * stride;
            int weight = down.start[y];
            if (!down.average) {
                int rest = (int) Math.rint(down.weights[weight] * ONE);
                int share = (int) Math.rint(down.weights[weight + 1] * ONE);
                int below = Math.min(height - 1, down.first[y] + 1) * stride;
                for (int i = 0; i < stride; i++, out++) {
                    int a = places > 0 ? rows[top + i] >> places : rows[top + i] << -places;
                    int b = places > 0 ? rows[below + i] >> places : rows[below + i] << -places;
                    result[out] = (byte) ((a * rest >> 16) + (b * share >> 16) + 2 >> 2);
                }
                continue;
            }
            Arrays.fill(sums, 0);
            for (int k = 0; k < down.count[y]; k++) {
                float share = down.ratio > 0 ? 1 : down.weights[weight + k];
                for (int i = 0; i < stride; i++) {
                    sums[i] += share * rows[top + k * stride + i];
                }
            }
            float scale = down.ratio > 0 ? 1f / down.ratio : 1;
            for (int i = 0; i < stride; i++, out++) {
                result[out] = (byte) (int) Math.rint(sums[i] * scale);
            }
        }
        return result;
    }

    /** Resize {@code height x width x channels} floats. */
    public static float[] floats(
            float[] source, int height, int width, int channels, int newHeight, int newWidth, Filter filter) {
        check(source.length, height, width, channels, newHeight, newWidth);
        Taps across = Taps.of(newWidth, width, filter, true);
        Taps down = Taps.of(newHeight, height, filter, true);
        int stride = newWidth * channels;
        float[] rows = new float[height * stride];
        for (int y = 0, out = 0; y < height; y++) {
            for (int x = 0; x < newWidth; x++) {
                int from = (y * width + across.first[x]) * channels;
                for (int c = 0; c < channels; c++, out++) {
                    for (int k = 0; k < across.count[x]; k++) {
                        rows[out] += across.weights[across.start[x] + k] * source[from + k * channels + c];
                    }
                }
            }
        }
        float[] result = new float[newHeight * stride];
        for (int y = 0; y < newHeight; y++) {
            for (int k = 0; k < down.count[y]; k++) {
                float weight = down.weights[down.start[y] + k];
                int from = (down.first[y] + k) * stride;
                for (int i = 0; i < stride; i++) {
                    result[y * stride + i] += weight * rows[from + i];
                }
            }
        }
        return result;
    }

    private static void check(int length, int height, int width, int channels, int newHeight, int newWidth) {
        if (Math.min(Math.min(height, width), Math.min(newHeight, newWidth)) < 1 || length != height * width * channels) {
            throw new IllegalArgumentException(
                    "cannot resize " + width + "x" + height + "x" + channels + " (" + length + " values) to " + newWidth
                            + "x" + newHeight);
        }
    }
}
