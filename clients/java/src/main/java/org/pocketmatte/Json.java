package org.pocketmatte;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A small reader for JSON (RFC 8259): objects become {@code Map}, arrays {@code List}, numbers {@code Double}.
 *
 * <p>It is here so that the library needs no other; it refuses whatever the standard refuses.
 */
public final class Json {
    private static final int DEEPEST = 100;

    private final String text;
    private int at;
    private int depth;

    private Json(String text) {
        this.text = text;
    }

    /** The value that {@code text} holds: Map, List, String, Double, Boolean or null. */
    public static Object parse(String text) {
        Json reader = new Json(text);
        Object value = reader.value();
        reader.space();
        if (reader.at < text.length()) {
            throw reader.unexpected("the end");
        }
        return value;
    }

    private Object value() {
        space();
        switch (at < text.length() ? text.charAt(at) : '\0') {
            case '{':
                return object();
            case '[':
                return array();
            case '"':
                return string();
            case 't':
                return word("true", Boolean.TRUE);
            case 'f':
                return word("false", Boolean.FALSE);
            case 'n':
                return word("null", null);
            default:
                return number();
        }
    }

    private Map<String, Object> object() {
        Map<String, Object> values = new LinkedHashMap<>();
        open('{');
        if (!ends('}')) {
            do {
                space();
                String key = string();
                expect(':');
                values.put(key, value());
            } while (more('}'));
        }
        depth--;
        return values;
    }

    private List<Object> array() {
        List<Object> values = new ArrayList<>();
        open('[');
        if (!ends(']')) {
            do {
                values.add(value());
            } while (more(']'));
        }
        depth--;
        return values;
    }

    private String string() {
        expect('"');
        StringBuilder result = new StringBuilder();
        while (at < text.length()) {
            char next = text.charAt(at++);
            if (next == '"') {
                return result.toString();
            }
            if (next < ' ') {
                at--;
                break;
            }
            result.append(next == '\\' ? escaped() : next);
        }
        throw unexpected("a character of a string");
    }

    private char escaped() {
        char kind = at < text.length() ? text.charAt(at++) : '\0';
        int known = "\"\\/bfnrt".indexOf(kind);
        if (known >= 0) {
            return "\"\\/\b\f\n\r\t".charAt(known);
        }
        if (kind == 'u' && at + 4 <= text.length()) {
            String digits = text.substring(at, at + 4);
            if (digits.matches("[0-9a-fA-F]{4}")) {
                at += 4;
                return (char) Integer.parseInt(digits, 16);
            }
        }
        at--;
        throw unexpected("an escape");
    }

    private Object word(String word, Object value) {
        if (!text.startsWith(word, at)) {
            throw unexpected(word);
        }
        at += word.length();
        return value;
    }

    private Double number() {
        int from = at;
        while (at < text.length() && "+-.0123456789eE".indexOf(text.charAt(at)) >= 0) {
            at++;
        }
        String digits = text.substring(from, at);
        if (!digits.matches("-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)?")) {
            at = from;
            throw unexpected("a value");
        }
        return Double.valueOf(digits);
    }

    private void open(char bracket) {
        expect(bracket);
        if (++depth > DEEPEST) {
            throw unexpected("at most " + DEEPEST + " levels");
        }
    }

    /** After an element: true when a comma promises another, false when the bracket closes. */
    private boolean more(char bracket) {
        if (ends(bracket)) {
            return false;
        }
        expect(',');
        return true;
    }

    private boolean ends(char bracket) {
        space();
        boolean found = at < text.length() && text.charAt(at) == bracket;
        at += found ? 1 : 0;
        return found;
    }

    private void expect(char wanted) {
        space();
        if (at >= text.length() || text.charAt(at) != wanted) {
            throw unexpected("'" + wanted + "'");
        }
        at++;
    }

    private void space() {
        while (at < text.length() && " \t\n\r".indexOf(text.charAt(at)) >= 0) {
            at++;
        }
    }

    private IllegalArgumentException unexpected(String wanted) {
        String found = at < text.length() ? "'" + text.charAt(at) + "'" : "the end";
        return new IllegalArgumentException("JSON, character " + at + ": expected " + wanted + ", found " + found);
    }
}
