package org.pocketmatte;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;

/** What {@code spec.json} says about a model, as far as a client needs it to run the weight file. */
public final class ModelSpec {
    /** A tensor that one step hands to the next: zeros at first. {@code shape} is in NHWC. */
    public static final class State {
        public final String input;
        public final String output;
        public final int[] shape;

        State(String input, String output, int[] shape) {
            this.input = input;
            this.output = output;
            this.shape = shape;
        }
    }

    public enum Kind {
        ALPHA,
        LOGITS,
        TWO_LOGITS
    }

    private static final int SCHEMA = 1;

    public final String name;
    /** Name of the image tensor, its height, width and channels (3, or 4 of which the last is 0). */
    public final String inputName;
    public final int height;
    public final int width;
    public final int channels;
    /** Blue first instead of red. */
    public final boolean bgr;
    public final float[] mean;
    public final float[] std;
    /** Keep the aspect and fill the rest with {@code pad} (0..255), instead of filling the grid. */
    public final boolean letterbox;
    public final Resize.Filter filter;
    public final int pad;
    public final String outputName;
    public final Kind kind;
    /** The channel of the person. */
    public final int channel;
    public final List<State> states;
    /** File with the golden vectors, beside the spec; null when there are none. */
    public final String golden;
    private final List<?> files;

    private ModelSpec(Map<?, ?> root) {
        name = text(root, "name");
        files = list(root.get("files"), "files");
        golden = root.get("golden") == null ? null : text(root, "golden");
        Map<?, ?> input = map(root.get("input"), "input");
        inputName = text(input, "name");
        int[] size = whole(list(input.get("size"), "input.size"), 2, "input.size");
        height = size[0];
        width = size[1];
        channels = number(input, "channels", 3);
        if (height < 1 || width < 1 || channels < 3 || channels > 4 || number(input, "batch", 1) != 1) {
            throw new IllegalArgumentException(name + ": expected one picture of 3 or 4 channels as input");
        }
        bgr = choice(input, "color", "rgb", "bgr") == 1;
        mean = triple(input, "mean", 0);
        std = triple(input, "std", 1);
        letterbox = choice(input, "resize", "squash", "letterbox") == 1;
        filter = choice(input, "filter", "area", "bilinear") == 0 ? Resize.Filter.AREA : Resize.Filter.BILINEAR;
        pad = number(input, "pad", 128);
        Map<?, ?> output = map(root.get("output"), "output");
        outputName = text(output, "name");
        kind = Kind.values()[choice(output, "kind", "alpha", "logits", "two-logits")];
        channel = number(output, "channel", 0);
        List<State> found = new ArrayList<>();
        for (Object entry : root.get("states") == null ? Collections.emptyList() : list(root.get("states"), "states")) {
            Map<?, ?> state = map(entry, "states");
            List<?> shape = list(state.get("shape"), "states.shape");
            found.add(new State(text(state, "input"), text(state, "output"), whole(shape, shape.size(), "states.shape")));
        }
        states = Collections.unmodifiableList(found);
    }

    /** Read the text of a {@code spec.json}; throws {@link IllegalArgumentException} saying what is wrong with it. */
    public static ModelSpec parse(String json) {
        Map<?, ?> root = map(Json.parse(json), "the document");
        if (number(root, "schema", 0) != SCHEMA) {
            throw new IllegalArgumentException("spec: expected schema " + SCHEMA + ", found " + root.get("schema"));
        }
        return new ModelSpec(root);
    }

    /** Name of the first weight file of that format ({@code litert}, {@code onnx}...), relative to the spec. */
    public String fileFor(String format) {
        for (Object entry : files) {
            Map<?, ?> file = map(entry, "files");
            if (format.equals(file.get("format"))) {
                return text(file, "file");
            }
        }
        throw new IllegalArgumentException("model " + name + " has no " + format + " file");
    }

    private static Map<?, ?> map(Object value, String where) {
        if (!(value instanceof Map)) {
            throw new IllegalArgumentException("spec: expected an object for " + where + ", found " + value);
        }
        return (Map<?, ?>) value;
    }

    private static List<?> list(Object value, String where) {
        if (!(value instanceof List)) {
            throw new IllegalArgumentException("spec: expected a list for " + where + ", found " + value);
        }
        return (List<?>) value;
    }

    private static String text(Map<?, ?> values, String key) {
        Object value = values.get(key);
        if (!(value instanceof String)) {
            throw new IllegalArgumentException("spec: expected a string for " + key + ", found " + value);
        }
        return (String) value;
    }

    private static int number(Map<?, ?> values, String key, int otherwise) {
        return values.get(key) == null ? otherwise : whole(Collections.singletonList(values.get(key)), 1, key)[0];
    }

    private static int[] whole(List<?> values, int count, String where) {
        double[] numbers = numbers(values, count, where);
        int[] result = new int[count];
        for (int i = 0; i < count; i++) {
            result[i] = (int) numbers[i];
            if (result[i] != numbers[i]) {
                throw new IllegalArgumentException("spec: expected whole numbers for " + where + ", found " + values);
            }
        }
        return result;
    }

    private static float[] triple(Map<?, ?> values, String key, float otherwise) {
        if (values.get(key) == null) {
            return new float[] {otherwise, otherwise, otherwise};
        }
        double[] found = numbers(list(values.get(key), key), 3, key);
        return new float[] {(float) found[0], (float) found[1], (float) found[2]};
    }

    private static double[] numbers(List<?> values, int count, String where) {
        double[] result = new double[count];
        for (int i = 0; i < count; i++) {
            if (values.size() != count || !(values.get(i) instanceof Double)) {
                throw new IllegalArgumentException(
                        "spec: expected " + count + " number(s) for " + where + ", found " + values);
            }
            result[i] = (Double) values.get(i);
        }
        return result;
    }

    /** Which of the words {@code key} says; the first when it is absent. */
    private static int choice(Map<?, ?> values, String key, String... words) {
        int found = values.get(key) == null ? 0 : Arrays.asList(words).indexOf(text(values, key));
        if (found < 0) {
            throw new IllegalArgumentException(
                    "spec: expected one of " + String.join(", ", words) + " for " + key + ", found " + values.get(key));
        }
        return found;
    }
}
