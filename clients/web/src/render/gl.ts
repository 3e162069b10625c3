/** Small helpers over WebGL2: programs, textures and framebuffers that know their size. */

import { VERTEX } from "./shaders";

export interface Target {
  texture: WebGLTexture;
  width: number;
  height: number;
}

type Uniform = number | boolean | number[] | Target;

export class Program {
  private readonly program: WebGLProgram;
  private readonly places = new Map<string, { where: WebGLUniformLocation; type: number }>();

  constructor(private readonly gl: WebGL2RenderingContext, fragment: string) {
    this.program = gl.createProgram()!;
    for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, fragment]] as const) {
      const shader = gl.createShader(kind)!;
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(this.program, shader);
      if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS) && !gl.isContextLost()) {
        throw new Error(`shader: ${gl.getShaderInfoLog(shader)}`);
      }
    }
    gl.linkProgram(this.program);
    const count = gl.getProgramParameter(this.program, gl.ACTIVE_UNIFORMS) ?? 0;
    for (let i = 0; i < count; i++) {
      const { name, type } = gl.getActiveUniform(this.program, i)!;
      this.places.set(name, { where: gl.getUniformLocation(this.program, name)!, type });
    }
  }

  /** Draw over the whole of `outputs` (all of one size), or the canvas when there are none. */
  draw(framebuffer: WebGLFramebuffer | null, outputs: Target[], width: number, height: number, uniforms: Record<string, Uniform>): void {
    const { gl } = this;
    gl.useProgram(this.program);
    gl.bindFramebuffer(gl.FRAMEBUFFER, framebuffer);
    if (framebuffer) {
      for (let i = 0; i < 2; i++) {
        const texture = outputs[i]?.texture ?? null;
        gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0 + i, gl.TEXTURE_2D, texture, 0);
      }
      gl.drawBuffers(outputs.map((_, i) => gl.COLOR_ATTACHMENT0 + i));
    }
    gl.viewport(0, 0, width, height);
    let unit = 0;
    for (const [name, { where, type }] of this.places) {
      const value = uniforms[name];
      if (type === gl.SAMPLER_2D) {
        gl.activeTexture(gl.TEXTURE0 + unit);
        gl.bindTexture(gl.TEXTURE_2D, (value as Target).texture);
        gl.uniform1i(where, unit++);
      } else if (type === gl.FLOAT) gl.uniform1f(where, value as number);
      else if (type === gl.INT || type === gl.BOOL) gl.uniform1i(where, Number(value));
      else if (type === gl.FLOAT_VEC2) gl.uniform2fv(where, value as number[]);
      else if (type === gl.FLOAT_VEC3) gl.uniform3fv(where, value as number[]);
      else if (type === gl.FLOAT_VEC4) gl.uniform4fv(where, value as number[]);
      else gl.uniformMatrix4fv(where, true, value as number[]);
    }
    gl.drawArrays(gl.TRIANGLES, 0, 3);
  }
}

/** Textures by name, made anew when their size or format changes. */
export class Textures {
  private readonly kept = new Map<string, Target & { format: number; levels: number }>();

  constructor(private readonly gl: WebGL2RenderingContext) {}

  get(name: string, width: number, height: number, format: number, levels = 1): Target {
    const { gl } = this;
    const old = this.kept.get(name);
    if (old && old.width === width && old.height === height && old.format === format) return old;
    if (old) gl.deleteTexture(old.texture);
    const texture = gl.createTexture()!;
    gl.bindTexture(gl.TEXTURE_2D, texture);
    gl.texStorage2D(gl.TEXTURE_2D, levels, format, width, height);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, levels > 1 ? gl.LINEAR_MIPMAP_LINEAR : gl.LINEAR);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.LINEAR);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE);
    const made = { texture, width, height, format, levels };
    this.kept.set(name, made);
    return made;
  }

  /** A picture or clip as RGBA. */
  upload(name: string, source: TexImageSource, width: number, height: number): Target {
    const { gl } = this;
    const target = this.get(name, width, height, gl.RGBA8);
    gl.bindTexture(gl.TEXTURE_2D, target.texture);
    gl.texSubImage2D(gl.TEXTURE_2D, 0, 0, 0, width, height, gl.RGBA, gl.UNSIGNED_BYTE, source as ImageBitmap);
    return target;
  }

  bytes(name: string, data: Uint8Array, width: number, height: number): Target {
    const { gl } = this;
    const target = this.get(name, width, height, gl.RGBA8);
    gl.bindTexture(gl.TEXTURE_2D, target.texture);
    gl.texSubImage2D(gl.TEXTURE_2D, 0, 0, 0, width, height, gl.RGBA, gl.UNSIGNED_BYTE, data);
    return target;
  }

  floats(name: string, data: Float32Array, width: number, height: number): Target {
    const { gl } = this;
    const target = this.get(name, width, height, gl.RGBA16F);
    gl.bindTexture(gl.TEXTURE_2D, target.texture);
    gl.texSubImage2D(gl.TEXTURE_2D, 0, 0, 0, width, height, gl.RGBA, gl.FLOAT, data);
    return target;
  }

  mipmaps(target: Target): void {
    this.gl.bindTexture(this.gl.TEXTURE_2D, target.texture);
    this.gl.generateMipmap(this.gl.TEXTURE_2D);
  }
}
