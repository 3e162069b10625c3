/**
 * The passes of the WebGL2 renderer. The matte follows the frame by a fast guided filter with a colour guide (He and
 * Sun 2015), fitted on the network's grid and applied at full size; the person's own colours and the background come
 * from pyramids weighted by alpha (pull-push, Gortler et al. 1996), corrected per pixel as in blur fusion (Forte and
 * Pitié 2021).
 */

const HEAD = `#version 300 es
precision highp float;
precision highp sampler2D;
`;

export const VERTEX = `${HEAD}
out vec2 uv;
void main() {
  vec2 corner = vec2(gl_VertexID & 1, gl_VertexID >> 1) * 4.0 - 1.0;
  uv = corner * 0.5 + 0.5;
  gl_Position = vec4(corner, 0.0, 1.0);
}`;

/** Guide and alpha: the guide as soft as a network's alpha is, so that the fit does not learn the blur. */
export const SOFTEN = `${HEAD}
uniform sampler2D small;
out vec4 result;
void main() {
  ivec2 at = ivec2(gl_FragCoord.xy), last = textureSize(small, 0) - 1;
  vec3 sum = vec3(0.0);
  float total = 0.0;
  for (int y = -2; y <= 2; y++) for (int x = -2; x <= 2; x++) {
    float w = exp(-float(x * x + y * y) / 1.28);
    sum += w * texelFetch(small, clamp(at + ivec2(x, y), ivec2(0), last), 0).rgb;
    total += w;
  }
  result = vec4(sum / total, texelFetch(small, at, 0).a);
}`;

/** Ridge regression of alpha on colour in each window: slopes and offset; how much of alpha the colours explain. */
export const FIT = `${HEAD}
uniform sampler2D small;
layout(location = 0) out vec4 fitted;
layout(location = 1) out vec4 trusted;
const float EPS = 2e-4;
void main() {
  ivec2 at = ivec2(gl_FragCoord.xy), last = textureSize(small, 0) - 1;
  vec4 mean = vec4(0.0);
  vec3 square = vec3(0.0), cross_ = vec3(0.0), with = vec3(0.0);
  float alphaSquare = 0.0, low = 1.0, high = 0.0;
  for (int y = -2; y <= 2; y++) for (int x = -2; x <= 2; x++) {
    vec4 v = texelFetch(small, clamp(at + ivec2(x, y), ivec2(0), last), 0);
    mean += v;
    square += v.rgb * v.rgb;
    cross_ += v.rgb * v.gbr;
    with += v.rgb * v.a;
    alphaSquare += v.a * v.a;
    low = min(low, v.a);
    high = max(high, v.a);
  }
  mean /= 25.0;
  fitted = vec4(0.0);
  trusted = vec4(0.0);
  if (high - low <= 0.5 / 255.0) return;
  vec3 variance = square / 25.0 - mean.rgb * mean.rgb + EPS;
  vec3 covariance = cross_ / 25.0 - mean.rgb * mean.gbr;
  vec3 joint = with / 25.0 - mean.rgb * mean.a;
  float f1 = covariance.x / variance.x, f2 = covariance.z / variance.x;
  float d1 = variance.y - f1 * covariance.x;
  float e12 = covariance.y - f1 * covariance.z;
  float d2 = variance.z - f2 * covariance.z;
  float s1 = joint.y - f1 * joint.x;
  float g = e12 / d1;
  vec3 slope;
  slope.z = (joint.z - f2 * joint.x - g * s1) / (d2 - g * e12);
  slope.y = (s1 - e12 * slope.z) / d1;
  slope.x = (joint.x - covariance.x * slope.y - covariance.z * slope.z) / variance.x;
  float trust = clamp(dot(slope, joint) / (alphaSquare / 25.0 - mean.a * mean.a + 1e-4), 0.0, 1.0);
  fitted = vec4(slope, mean.a - dot(slope, mean.rgb)) * trust;
  trusted = vec4(trust);
}`;

/** Windows overlap: the mean of their fits; what no colour explains stays with the interpolated alpha. */
export const MEAN = `${HEAD}
uniform sampler2D small, fitted, trusted;
out vec4 result;
void main() {
  ivec2 at = ivec2(gl_FragCoord.xy), last = textureSize(small, 0) - 1;
  vec4 sum = vec4(0.0);
  float trust = 0.0;
  for (int y = -2; y <= 2; y++) for (int x = -2; x <= 2; x++) {
    ivec2 near = clamp(at + ivec2(x, y), ivec2(0), last);
    sum += texelFetch(fitted, near, 0);
    trust += texelFetch(trusted, near, 0).r;
  }
  result = sum / 25.0;
  result.a += (1.0 - trust / 25.0) * texelFetch(small, at, 0).a;
}`;

/** The full-size alpha: the fit on the frame's colours, never far from the interpolated alpha where that is sure. */
export const MATTE = `${HEAD}
uniform sampler2D frame, small, fit;
in vec2 uv;
out vec4 result;
float sharpen(float a) { return clamp((a - 0.5) * 1.3 + 0.5, 0.0, 1.0); }
void main() {
  float base = sharpen(texture(small, uv).a);
  vec4 line = texture(fit, uv);
  float value = sharpen(dot(line.rgb, texture(frame, uv).rgb) + line.a);
  float ceiling = 2.0 * base;
  result = vec4(clamp(value, max(0.0, ceiling - 1.0), min(1.0, ceiling)));
}`;

/** Colours of either side, weighted by how purely they are its own; the mipmaps of the results are the pyramids. */
export const GATHER = `${HEAD}
uniform sampler2D frame, matte;
in vec2 uv;
layout(location = 0) out vec4 person;
layout(location = 1) out vec4 behind;
void main() {
  vec2 step_ = 1.0 / vec2(textureSize(frame, 0));
  person = behind = vec4(0.0);
  for (int y = 0; y < 4; y++) for (int x = 0; x < 4; x++) {
    vec2 at = uv + (vec2(x, y) - 1.5) * step_;
    vec3 colour = texture(frame, at).rgb;
    float a = texture(matte, at).r;
    float own = pow(a, 4.0), other = pow(1.0 - a, 16.0);
    person += vec4(colour * own, own) / 16.0;
    behind += vec4(colour * other, other) / 16.0;
  }
}`;

/** The background out of focus: a disc of equally spread taps, none of which holds the person. */
export const BLUR = `${HEAD}
uniform sampler2D behind;
uniform float radius;
uniform float glow;
in vec2 uv;
out vec4 result;
const int TAPS = 48;
void main() {
  vec2 size = vec2(textureSize(behind, 0));
  float lod = max(0.0, log2(radius * 2.0 / sqrt(float(TAPS))));
  vec4 sum = vec4(0.0);
  for (int i = 0; i < TAPS; i++) {
    float r = sqrt((float(i) + 0.5) / float(TAPS)) * radius, angle = 2.39996323 * float(i);
    vec4 v = textureLod(behind, uv + r * vec2(cos(angle), sin(angle)) / size, lod);
    vec3 colour = v.rgb / max(v.a, 1e-4);
    float light = dot(colour * colour, vec3(0.2126, 0.7152, 0.0722));
    sum += v.a * mix(1.0, 1.0 + 24.0 * pow(light, 4.0), glow) * vec4(mix(colour, colour * colour, glow), 1.0);
  }
  // Deep inside the person no tap knows a colour: coarser levels do.
  vec3 colour = sum.a > 1e-3 ? sum.rgb / sum.a : vec3(-1.0);
  if (sum.a > 1e-3) colour = mix(colour, sqrt(colour), glow);
  for (float level = lod + 1.0; level < 12.0 && colour.r < 0.0; level += 1.0) {
    vec4 v = textureLod(behind, uv, level);
    if (v.a > 1e-3) colour = v.rgb / v.a;
  }
  result = vec4(max(colour, 0.0), 1.0);
}`;

/** Everything together. `mode`: 0 the frame, 1 on a background, 2 premultiplied cut-out, 3 straight cut-out. */
export const FINAL = `${HEAD}
uniform sampler2D frame, matte, person, behind, background, change;
uniform int mode, recolour;
uniform bool mirrored, plain;
uniform vec3 color;
uniform vec4 window;
uniform vec2 edge;
uniform vec3 gain, offset;
uniform mat4 matrix;
in vec2 uv;
out vec4 result;

vec3 fill(sampler2D pyramid, vec2 at) {
  vec3 sum = vec3(0.0);
  float known = 0.0;
  for (float lod = 0.0; lod < 10.0 && known < 0.999; lod += 1.0) {
    vec4 v = textureLod(pyramid, at, lod);
    float take = min(1.0 - known, v.a * 4.0);
    if (v.a > 1e-4) { sum += take * v.rgb / v.a; known += take; }
  }
  return known > 0.0 ? sum / known : vec3(0.0);
}
vec3 linear(vec3 c) { return mix(pow((c + 0.055) / 1.055, vec3(2.4)), c / 12.92, lessThanEqual(c, vec3(0.04045))); }
vec3 srgb(vec3 c) {
  c = max(c, 0.0);
  return mix(1.055 * pow(c, vec3(1.0 / 2.4)) - 0.055, c * 12.92, lessThanEqual(c, vec3(0.0031308)));
}
vec3 f(vec3 t) { return mix(pow(max(t, 0.0), vec3(1.0 / 3.0)), 7.787 * t + 16.0 / 116.0, lessThanEqual(t, vec3(0.008856))); }
vec3 g(vec3 t) { return mix(t * t * t, (t - 16.0 / 116.0) / 7.787, lessThanEqual(t, vec3(6.0 / 29.0))); }
vec3 toLab(vec3 c) {
  c = linear(c);
  vec3 t = f(vec3(dot(c, vec3(0.412453, 0.35758, 0.180423)) / 0.950456, dot(c, vec3(0.212671, 0.71516, 0.072169)),
    dot(c, vec3(0.019334, 0.119193, 0.950227)) / 1.088754));
  return vec3(116.0 * t.y - 16.0, 500.0 * (t.x - t.y), 200.0 * (t.y - t.z));
}
vec3 fromLab(vec3 lab) {
  float y = (lab.x + 16.0) / 116.0;
  vec3 xyz = g(vec3(y + lab.y / 500.0, y, y - lab.z / 200.0)) * vec3(0.950456, 1.0, 1.088754);
  return srgb(vec3(dot(xyz, vec3(3.240479, -1.53715, -0.498535)), dot(xyz, vec3(-0.969256, 1.875991, 0.041556)),
    dot(xyz, vec3(0.055648, -0.204043, 1.057311))));
}
vec3 curve(vec3 c, float row) {
  vec3 x = clamp(c, 0.0, 1.0) * (255.0 / 256.0) + 0.5 / 256.0;
  return vec3(texture(change, vec2(x.r, row)).r, texture(change, vec2(x.g, row)).g, texture(change, vec2(x.b, row)).b);
}
void main() {
  vec2 at = mirrored ? vec2(1.0 - uv.x, uv.y) : uv;
  vec3 pixel = texture(frame, at).rgb;
  if (mode == 0) { result = vec4(pixel, 1.0); return; }
  float a = texture(matte, at).r;
  vec3 own = pixel;
  if (a > 0.002 && a < 0.998) {
    vec3 front = fill(person, at), back = fill(behind, at);
    own = clamp(front + a / (a * a + (1.0 - a) * (1.0 - a) + 0.1) * (pixel - a * front - (1.0 - a) * back), 0.0, 1.0);
  } else if (a <= 0.002) own = fill(person, at);
  if (recolour == 1) own = fromLab(toLab(own) * gain + offset);
  if (recolour == 2) own = curve((matrix * vec4(curve(own, 0.25), 1.0)).rgb, 0.75);
  if (recolour == 3) own += texture(change, at).rgb;
  own = clamp(own, 0.0, 1.0);
  if (edge.y > edge.x) a = smoothstep(edge.x, edge.y, a);
  if (mode == 3) { result = vec4(own, a); return; }
  if (mode == 2) { result = vec4(own * a, a); return; }
  vec3 scene = plain ? color : texture(background, window.xy + (window.z < 0.0 ? at * vec2(-window.z, window.w) : uv * window.zw)).rgb;
  result = vec4(mix(scene, own, a), 1.0);
}`;
