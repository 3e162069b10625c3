/** The passes of shaders.ts in the language of WebGPU; rows of all textures run downwards. Comments stand there. */

const VERTEX = `
struct Corner { @builtin(position) position: vec4f, @location(0) uv: vec2f, }
@vertex fn corner(@builtin(vertex_index) index: u32) -> Corner {
  let at = vec2f(f32(index & 1u), f32(index >> 1u)) * 4.0 - 1.0;
  return Corner(vec4f(at, 0.0, 1.0), vec2f(at.x * 0.5 + 0.5, 0.5 - at.y * 0.5));
}
struct Two { @location(0) first: vec4f, @location(1) second: vec4f, }
@group(0) @binding(0) var linear: sampler;
fn near(picture: texture_2d<f32>, at: vec2i) -> vec4f {
  return textureLoad(picture, clamp(at, vec2i(0), vec2i(textureDimensions(picture)) - 1), 0);
}
`;

const PARAMETERS = `
struct Parameters { color: vec4f, window: vec4f, edge: vec2f, radius: f32, glow: f32, mode: u32, mirrored: u32, plain: u32, }
@group(0) @binding(1) var<uniform> p: Parameters;
`;

/** Colours of the guide and the alpha of the mask in one texture. */
export const PACK = `${VERTEX}
@group(0) @binding(1) var guide: texture_2d<f32>;
@group(0) @binding(2) var<storage, read> mask: array<f32>;
@fragment fn main(corner: Corner) -> @location(0) vec4f {
  let at = vec2u(corner.position.xy);
  return vec4f(textureLoad(guide, at, 0).rgb, mask[at.y * textureDimensions(guide).x + at.x]);
}`;

export const SOFTEN = `${VERTEX}
@group(0) @binding(1) var small: texture_2d<f32>;
@fragment fn main(corner: Corner) -> @location(0) vec4f {
  let at = vec2i(corner.position.xy);
  var sum = vec3f(0.0);
  var total = 0.0;
  for (var y = -2; y <= 2; y++) { for (var x = -2; x <= 2; x++) {
    let w = exp(-f32(x * x + y * y) / 1.28);
    sum += w * near(small, at + vec2i(x, y)).rgb;
    total += w;
  } }
  return vec4f(sum / total, near(small, at).a);
}`;

export const FIT = `${VERTEX}
@group(0) @binding(1) var small: texture_2d<f32>;
const EPS = 2e-4;
@fragment fn main(corner: Corner) -> Two {
  let at = vec2i(corner.position.xy);
  var mean = vec4f(0.0);
  var square = vec3f(0.0);
  var crossed = vec3f(0.0);
  var with_ = vec3f(0.0);
  var alphaSquare = 0.0;
  var low = 1.0;
  var high = 0.0;
  for (var y = -2; y <= 2; y++) { for (var x = -2; x <= 2; x++) {
    let v = near(small, at + vec2i(x, y));
    mean += v;
    square += v.rgb * v.rgb;
    crossed += v.rgb * v.gbr;
    with_ += v.rgb * v.a;
    alphaSquare += v.a * v.a;
    low = min(low, v.a);
    high = max(high, v.a);
  } }
  mean /= 25.0;
  if (high - low <= 0.5 / 255.0) { return Two(vec4f(0.0), vec4f(0.0)); }
  let variance = square / 25.0 - mean.rgb * mean.rgb + EPS;
  let covariance = crossed / 25.0 - mean.rgb * mean.gbr;
  let joint = with_ / 25.0 - mean.rgb * mean.a;
  let f1 = covariance.x / variance.x;
  let f2 = covariance.z / variance.x;
  let d1 = variance.y - f1 * covariance.x;
  let e12 = covariance.y - f1 * covariance.z;
  let d2 = variance.z - f2 * covariance.z;
  let s1 = joint.y - f1 * joint.x;
  let g = e12 / d1;
  let z = (joint.z - f2 * joint.x - g * s1) / (d2 - g * e12);
  let y = (s1 - e12 * z) / d1;
  let slope = vec3f((joint.x - covariance.x * y - covariance.z * z) / variance.x, y, z);
  let trust = clamp(dot(slope, joint) / (alphaSquare / 25.0 - mean.a * mean.a + 1e-4), 0.0, 1.0);
  return Two(vec4f(slope, mean.a - dot(slope, mean.rgb)) * trust, vec4f(trust));
}`;

export const MEAN = `${VERTEX}
@group(0) @binding(1) var small: texture_2d<f32>;
@group(0) @binding(2) var fitted: texture_2d<f32>;
@group(0) @binding(3) var trusted: texture_2d<f32>;
@fragment fn main(corner: Corner) -> @location(0) vec4f {
  let at = vec2i(corner.position.xy);
  var sum = vec4f(0.0);
  var trust = 0.0;
  for (var y = -2; y <= 2; y++) { for (var x = -2; x <= 2; x++) {
    sum += near(fitted, at + vec2i(x, y));
    trust += near(trusted, at + vec2i(x, y)).r;
  } }
  return sum / 25.0 + vec4f(0.0, 0.0, 0.0, (1.0 - trust / 25.0) * near(small, at).a);
}`;

export const MATTE = `${VERTEX}
@group(0) @binding(1) var frame: texture_2d<f32>;
@group(0) @binding(2) var small: texture_2d<f32>;
@group(0) @binding(3) var fit: texture_2d<f32>;
fn sharpen(a: f32) -> f32 { return clamp((a - 0.5) * 1.3 + 0.5, 0.0, 1.0); }
@fragment fn main(corner: Corner) -> @location(0) vec4f {
  let base = sharpen(textureSampleLevel(small, linear, corner.uv, 0.0).a);
  let line = textureSampleLevel(fit, linear, corner.uv, 0.0);
  let value = sharpen(dot(line.rgb, textureSampleLevel(frame, linear, corner.uv, 0.0).rgb) + line.a);
  let ceiling = 2.0 * base;
  return vec4f(clamp(value, max(0.0, ceiling - 1.0), min(1.0, ceiling)));
}`;

export const GATHER = `${VERTEX}
@group(0) @binding(1) var frame: texture_2d<f32>;
@group(0) @binding(2) var matte: texture_2d<f32>;
@fragment fn main(corner: Corner) -> Two {
  let step_ = 1.0 / vec2f(textureDimensions(frame));
  var person = vec4f(0.0);
  var behind = vec4f(0.0);
  for (var y = 0; y < 4; y++) { for (var x = 0; x < 4; x++) {
    let at = corner.uv + (vec2f(f32(x), f32(y)) - 1.5) * step_;
    let colour = textureSampleLevel(frame, linear, at, 0.0).rgb;
    let a = textureSampleLevel(matte, linear, at, 0.0).r;
    let own = pow(a, 4.0);
    let other = pow(1.0 - a, 16.0);
    person += vec4f(colour * own, own) / 16.0;
    behind += vec4f(colour * other, other) / 16.0;
  } }
  return Two(person, behind);
}`;

/** The next level of both pyramids: WebGPU makes no mipmaps. */
export const HALVE = `${VERTEX}
@group(0) @binding(1) var person: texture_2d<f32>;
@group(0) @binding(2) var behind: texture_2d<f32>;
@fragment fn main(corner: Corner) -> Two {
  return Two(textureSampleLevel(person, linear, corner.uv, 0.0), textureSampleLevel(behind, linear, corner.uv, 0.0));
}`;

export const BLUR = `${VERTEX}${PARAMETERS}
@group(0) @binding(2) var behind: texture_2d<f32>;
const TAPS = 48;
@fragment fn main(corner: Corner) -> @location(0) vec4f {
  let size = vec2f(textureDimensions(behind));
  let lod = max(0.0, log2(p.radius * 2.0 / sqrt(f32(TAPS))));
  var sum = vec4f(0.0);
  for (var i = 0; i < TAPS; i++) {
    let r = sqrt((f32(i) + 0.5) / f32(TAPS)) * p.radius;
    let angle = 2.39996323 * f32(i);
    let v = textureSampleLevel(behind, linear, corner.uv + r * vec2f(cos(angle), sin(angle)) / size, lod);
    let colour = v.rgb / max(v.a, 1e-4);
    let light = dot(colour * colour, vec3f(0.2126, 0.7152, 0.0722));
    sum += v.a * mix(1.0, 1.0 + 24.0 * pow(light, 4.0), p.glow) * vec4f(mix(colour, colour * colour, vec3f(p.glow)), 1.0);
  }
  var colour = vec3f(-1.0);
  if (sum.a > 1e-3) {
    colour = sum.rgb / sum.a;
    colour = mix(colour, sqrt(colour), vec3f(p.glow));
  }
  for (var level = lod + 1.0; level < 12.0 && colour.r < 0.0; level += 1.0) {
    let v = textureSampleLevel(behind, linear, corner.uv, level);
    if (v.a > 1e-3) { colour = v.rgb / v.a; }
  }
  return vec4f(max(colour, vec3f(0.0)), 1.0);
}`;

/** `mode`: 0 the frame, 1 on a background, 2 premultiplied cut-out. */
export const FINAL = `${VERTEX}${PARAMETERS}
@group(0) @binding(2) var frame: texture_2d<f32>;
@group(0) @binding(3) var matte: texture_2d<f32>;
@group(0) @binding(4) var person: texture_2d<f32>;
@group(0) @binding(5) var behind: texture_2d<f32>;
@group(0) @binding(6) var background: texture_2d<f32>;
fn fill(pyramid: texture_2d<f32>, at: vec2f) -> vec3f {
  var sum = vec3f(0.0);
  var known = 0.0;
  for (var lod = 0.0; lod < 10.0 && known < 0.999; lod += 1.0) {
    let v = textureSampleLevel(pyramid, linear, at, lod);
    let take = min(1.0 - known, v.a * 4.0);
    if (v.a > 1e-4) { sum += take * v.rgb / v.a; known += take; }
  }
  return select(vec3f(0.0), sum / max(known, 1e-6), known > 0.0);
}
@fragment fn main(corner: Corner) -> @location(0) vec4f {
  let uv = corner.uv;
  let at = select(uv, vec2f(1.0 - uv.x, uv.y), p.mirrored == 1u);
  let pixel = textureSampleLevel(frame, linear, at, 0.0).rgb;
  if (p.mode == 0u) { return vec4f(pixel, 1.0); }
  var a = textureSampleLevel(matte, linear, at, 0.0).r;
  var own = pixel;
  if (a > 0.002 && a < 0.998) {
    let front = fill(person, at);
    let back = fill(behind, at);
    own = front + a / (a * a + (1.0 - a) * (1.0 - a) + 0.1) * (pixel - a * front - (1.0 - a) * back);
  } else if (a <= 0.002) { own = fill(person, at); }
  own = clamp(own, vec3f(0.0), vec3f(1.0));
  if (p.edge.y > p.edge.x) { a = smoothstep(p.edge.x, p.edge.y, a); }
  if (p.mode == 2u) { return vec4f(own * a, a); }
  let place = p.window.xy + select(uv * p.window.zw, at * vec2f(-p.window.z, p.window.w), p.window.z < 0.0);
  let scene = select(textureSampleLevel(background, linear, place, 0.0).rgb, p.color.rgb, p.plain == 1u);
  return vec4f(mix(scene, own, a), 1.0);
}`;
