package org.pocketmatte;

import java.nio.FloatBuffer;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Pictures to a network's tensors and back, as its {@code spec.json} says, with the memory that a video model needs.
 *
 * <p>One object per stream of frames and thread. A step: {@link #inputs}, run the file, {@link #matte}.
 */
public final class Portrait {
    private final ModelSpec spec;
    private final Map<String, float[]> memory = new LinkedHashMap<>();
    private final float[] tensor;
    private Geometry geometry;

    public Portrait(ModelSpec spec) {
        this.spec = spec;
        tensor = new float[spec.height * spec.width * spec.channels];
        reset();
    }

    /** Forget the frames before: call it when the stream starts, the camera changes or the scene is cut. */
    public void reset() {
        for (ModelSpec.State state : spec.states) {
            int size = 1;
            for (int n : state.shape) {
                size *= n;
            }
            memory.put(state.input, new float[size]);
        }
    }

    /** All inputs of the file by name, float32 in NHWC. The arrays are used again by the next step: do not keep them. */
    public Map<String, float[]> inputs(Picture picture) {
        Map<String, float[]> inputs = new LinkedHashMap<>();
        inputs.put(spec.inputName, tensor(picture));
        inputs.putAll(memory);
        return inputs;
    }

    /** The image tensor {@code [1,h,w,c]}: resized, {@code (x / 255 - mean) / std}, a fourth channel 0. */
    public float[] tensor(Picture picture) {
        geometry = Geometry.place(picture.height, picture.width, spec);
        byte[] small = Resize.bytes(
                picture.rgb, picture.height, picture.width, 3, geometry.height, geometry.width, spec.filter);
        for (int c = 0; c < 3; c++) {
            int from = spec.bgr ? 2 - c : c;
            float gain = 1 / (255 * spec.std[c]);
            float shift = spec.mean[c] / spec.std[c];
            for (int y = 0; y < spec.height; y++) {
                boolean inside = y >= geometry.top && y < geometry.top + geometry.height;
                for (int x = 0; x < spec.width; x++) {
                    int column = x - geometry.left;
                    int value = spec.pad;
                    if (inside && column >= 0 && column < geometry.width) {
                        value = small[((y - geometry.top) * geometry.width + column) * 3 + from] & 255;
                    }
                    tensor[(y * spec.width + x) * spec.channels + c] = value * gain - shift;
                }
            }
        }
        return tensor;
    }

    /** The same into a direct buffer in native byte order, as interpreters take it. */
    public void tensor(Picture picture, FloatBuffer into) {
        into.put(tensor(picture));
    }

    /**
     * The matte of the picture that {@link #inputs} was last called with, in cells of the network's grid without
     * letterbox borders and without pieces that the network is nowhere sure of; {@link Matte#resized} or
     * {@link Guided} bring it to the picture's size.
     *
     * @param outputs all outputs of the file by name, float32; what the next step needs of them is copied
     */
    public Matte matte(Map<String, float[]> outputs) {
        return Clean.unsure(uncleaned(outputs));
    }

    /** The same with all that the network says. Call one of the two for each frame: both remember the states. */
    public Matte uncleaned(Map<String, float[]> outputs) {
        if (geometry == null) {
            throw new IllegalStateException("expected inputs() before the matte");
        }
        Matte grid = grid(output(outputs, spec.outputName));
        for (ModelSpec.State state : spec.states) {
            float[] kept = memory.get(state.input);
            float[] next = output(outputs, state.output);
            if (next.length != kept.length) {
                throw new IllegalArgumentException(
                        "state " + state.output + ": expected " + kept.length + " values, found " + next.length);
            }
            System.arraycopy(next, 0, kept, 0, kept.length);
        }
        return geometry.crop(grid);
    }

    /** The output tensor (NHWC, batch 1, flat) as alpha 0..1 at network size. */
    public Matte grid(float[] values) {
        int cells = spec.height * spec.width;
        int channels = values.length / cells;
        if (values.length == 0 || values.length % cells != 0) {
            throw new IllegalArgumentException(
                    "output " + spec.outputName + ": expected a multiple of " + cells + " values, found " + values.length);
        }
        int channel = channels == 1 ? 0 : spec.channel;
        boolean two = spec.kind == ModelSpec.Kind.TWO_LOGITS;
        if (channel >= channels || two && channels < 2) {
            throw new IllegalArgumentException("output " + spec.outputName + " has only " + channels + " channel(s)");
        }
        float[] alpha = new float[cells];
        for (int i = 0; i < cells; i++) {
            float value = values[i * channels + channel];
            if (two) {
                value -= values[i * channels + 1 - channel];
            }
            if (spec.kind != ModelSpec.Kind.ALPHA) {
                value = (float) (1 / (1 + Math.exp(-value)));
            }
            alpha[i] = Math.min(1, Math.max(0, value));
        }
        return new Matte(spec.height, spec.width, alpha);
    }

    private static float[] output(Map<String, float[]> outputs, String name) {
        float[] found = outputs.get(name);
        if (found == null) {
            throw new IllegalArgumentException("expected an output " + name + ", found " + outputs.keySet());
        }
        return found;
    }
}
