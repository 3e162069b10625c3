package org.pocketmatte;

import java.util.Arrays;

/**
 * Matte clean-up: pieces that the network is nowhere sure of fade out.
 *
 * <p>A person has a certain middle; an animal or a thing that looks like half a person seldom has. Pieces are
 * connected cells, corners included.
 */
public final class Clean {
    // Of 255, rounded half to even: a level of 13 belongs to a piece, one of 242 is certain.
    private static final float FAINT = 12.5f;
    private static final float CERTAIN = 241.5f;
    /** A piece fades as the share of it that is certain falls from the second to the first. */
    private static final double[] SURE = {0.02, 0.1};

    private final int width;
    private final float[] alpha;
    /** Runs of neighbouring cells in a row, joined to pieces: there are few of them, so this is quick. */
    private int[] starts = new int[256];
    private int[] ends = new int[256];
    private int[] certain = new int[256];
    private int[] parents = new int[256];
    private int count;

    private Clean(Matte matte) {
        width = matte.width;
        alpha = matte.alpha;
        int above = 0;
        for (int y = 0; y < matte.height; y++) {
            int row = count;
            int end = (y + 1) * width;
            for (int i = y * width; i < end; i++) {
                if (alpha[i] * 255 > FAINT) {
                    int start = i;
                    int sure = 0;
                    for (; i < end && alpha[i] * 255 > FAINT; i++) {
                        sure += alpha[i] * 255 >= CERTAIN ? 1 : 0;
                    }
                    above = add(start, i, sure, above, row);
                }
            }
            above = row;
        }
    }

    /**
     * The matte without its doubtful pieces; the same object when there are none. Meant for the network's own cells,
     * before the matte is enlarged: {@link Portrait#matte} does it.
     */
    public static Matte unsure(Matte matte) {
        Clean pieces = new Clean(matte);
        float[] keep = pieces.sureness();
        float rest = 0; // what is fainter than any piece goes with the best of them, or alone
        float least = 1;
        for (float share : keep) {
            rest = Math.max(rest, share);
            least = Math.min(least, share);
        }
        if (rest == 1 && least == 1) {
            return matte;
        }
        float[] result = new float[matte.alpha.length];
        for (int i = 0; i < result.length; i++) {
            result[i] = matte.alpha[i] * rest;
        }
        for (int run = 0; run < keep.length; run++) {
            for (int i = pieces.starts[run]; i < pieces.ends[run]; i++) {
                result[i] = matte.alpha[i] * keep[run];
            }
        }
        return new Matte(matte.height, matte.width, result);
    }

    /** Note a run and join it to those of the row above that it touches; returns the first that later runs may touch. */
    private int add(int start, int end, int sure, int above, int row) {
        if (count == starts.length) {
            starts = Arrays.copyOf(starts, 2 * count);
            ends = Arrays.copyOf(ends, 2 * count);
            certain = Arrays.copyOf(certain, 2 * count);
            parents = Arrays.copyOf(parents, 2 * count);
        }
        int run = count++;
        starts[run] = start;
        ends[run] = end;
        certain[run] = sure;
        parents[run] = run;
        while (above < row && ends[above] < start - width) {
            above++;
        }
        for (int other = above; other < row && starts[other] <= end - width; other++) {
            parents[root(other)] = root(run);
        }
        return above;
    }

    private int root(int run) {
        while (parents[run] != run) {
            parents[run] = parents[parents[run]];
            run = parents[run];
        }
        return run;
    }

    /** How much of its piece each run keeps, 0..1. */
    private float[] sureness() {
        int[] areas = new int[count];
        int[] sure = new int[count];
        for (int run = 0; run < count; run++) {
            areas[root(run)] += ends[run] - starts[run];
            sure[root(run)] += certain[run];
        }
        float[] keep = new float[count];
        for (int run = 0; run < count; run++) {
            int root = root(run);
            double share = ((double) sure[root] / areas[root] - SURE[0]) / (SURE[1] - SURE[0]);
            keep[run] = (float) Math.min(1, Math.max(0, share));
        }
        return keep;
    }
}
