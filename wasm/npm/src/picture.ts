// Pixels from whatever shows a picture. The platform decodes.

import { DunlinError } from "./error.js";
import { messageOf } from "./source.js";

/** A class of the platform, where the platform and its types have it. */
type Platform<Name extends string> = typeof globalThis extends Record<Name, { prototype: infer Class }> ? Class : never;

/** Dense rows from top to bottom: grey, red-green-blue, or with alpha, which isn't premultiplied and has no effect. */
export interface PixelData {
  readonly data: Uint8Array | Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
  /** Red, green, blue and alpha unless it says otherwise. */
  readonly format?: "gray8" | "rgb8" | "rgba8";
}

/** What shows a picture. */
export type Picture =
  | PixelData
  | Platform<"Blob">
  | Platform<"HTMLCanvasElement">
  | Platform<"HTMLImageElement">
  | Platform<"HTMLVideoElement">
  | Platform<"ImageBitmap">
  | Platform<"ImageData">
  | Platform<"OffscreenCanvas">
  | Platform<"VideoFrame">;

/** Dense rows of so many bytes a pixel: grey, red-green-blue, or with alpha. */
export interface Pixels {
  readonly data: Uint8Array | Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3 | 4;
}

/** The pixels of whatever shows a picture, upright: what {@link Classifier.classify} makes of it. */
export async function pixelsOf(picture: Picture): Promise<Pixels> {
  if (isPixelData(picture)) return plain(picture);
  try {
    return await drawn(picture as CanvasImageSource | Blob);
  } catch (cause) {
    if (cause instanceof DunlinError) throw cause;
    throw new DunlinError("picture", `the picture can't be decoded: ${messageOf(cause)}${remedy(cause)}`, { cause });
  }
}

function isPixelData(picture: Picture): picture is PixelData {
  return typeof picture === "object" && picture !== null && "data" in picture && "width" in picture && "height" in picture;
}

const CHANNELS = { gray8: 1, rgb8: 3, rgba8: 4 } as const;

function plain({ data, width, height, format = "rgba8" }: PixelData): Pixels {
  if (!(data instanceof Uint8Array || data instanceof Uint8ClampedArray)) {
    throw new DunlinError("picture", "a picture's data is a Uint8Array or a Uint8ClampedArray");
  }
  if (!Object.hasOwn(CHANNELS, format)) throw new DunlinError("picture", `no format of pixels is called ${String(format)}`);
  const channels = CHANNELS[format];
  // The engine's numbers have 32 bits, and larger ones would wrap.
  if (![width, height].every((side) => Number.isInteger(side) && side >= 0 && side <= 0xffffffff)) {
    throw new DunlinError("picture", `a picture's sides are whole numbers of pixels, not ${String(width)}x${String(height)}`);
  }
  return { data, width, height, channels };
}

async function drawn(picture: CanvasImageSource | Blob): Promise<Pixels> {
  if (is("Blob", picture)) {
    const bitmap = await decoded(picture);
    try {
      const pixels = draw(bitmap, bitmap.width, bitmap.height);
      return isOpaque(pixels.data) ? pixels : { ...pixels, data: unmultiplied(bitmap) ?? pixels.data };
    } finally {
      bitmap.close();
    }
  }
  if (is("HTMLImageElement", picture)) {
    await picture.decode();
    return draw(picture, picture.naturalWidth, picture.naturalHeight);
  }
  if (is("HTMLVideoElement", picture)) return draw(picture, picture.videoWidth, picture.videoHeight);
  if (is("VideoFrame", picture)) return draw(picture, picture.displayWidth, picture.displayHeight);
  if (is("HTMLCanvasElement", picture) || is("OffscreenCanvas", picture) || is("ImageBitmap", picture)) {
    return draw(picture, picture.width, picture.height);
  }
  throw new DunlinError("picture", "this is no picture: give an image, a canvas, a bitmap, a video's frame, a blob or {data, width, height}");
}

function is<Name extends string>(name: Name, value: unknown): value is Platform<Name> {
  const Class = (globalThis as Record<string, unknown>)[name];
  return typeof Class === "function" && value instanceof Class;
}

/** Upright as EXIF says, colours as they stand in the file: what Dunlin's own decoder gives. */
async function decoded(file: Blob): Promise<ImageBitmap> {
  if (typeof createImageBitmap !== "function") {
    throw new DunlinError("picture", "this host decodes no pictures: give {data, width, height}");
  }
  return createImageBitmap(file, { imageOrientation: "from-image", colorSpaceConversion: "none", premultiplyAlpha: "none" });
}

function draw(picture: CanvasImageSource, width: number, height: number): Pixels {
  if (width === 0 || height === 0) throw new DunlinError("picture", `a picture of ${width}x${height} has no pixels`);
  const context = contextOf(width, height);
  context.drawImage(picture, 0, 0, width, height);
  const { data } = context.getImageData(0, 0, width, height);
  return { data, width, height, channels: 4 };
}

function contextOf(width: number, height: number): CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D {
  const settings: CanvasRenderingContext2DSettings = { willReadFrequently: true };
  const context = canvasOf(width, height).getContext("2d", settings) as ReturnType<typeof contextOf> | null;
  if (!context) throw new DunlinError("memory", `the host has no canvas of ${width}x${height}; decode the picture at a smaller size`);
  return context;
}

function canvasOf(width: number, height: number): HTMLCanvasElement | OffscreenCanvas {
  if (typeof OffscreenCanvas === "function") return new OffscreenCanvas(width, height);
  if (typeof document === "undefined") throw new DunlinError("picture", "this host has no canvas: give {data, width, height}");
  return Object.assign(document.createElement("canvas"), { width, height });
}

function isOpaque(data: Uint8Array | Uint8ClampedArray): boolean {
  for (let at = 3; at < data.length; at += 4) if (data[at] !== 255) return false;
  return true;
}

/**
 * Colours as they stand beside alpha. A canvas multiplies them with it, so that what is transparent loses them; a texture doesn't.
 * Nothing where the host has no textures, or none of this size.
 */
function unmultiplied(bitmap: ImageBitmap): Uint8Array | undefined {
  const { width, height } = bitmap;
  const gl = canvasOf(1, 1).getContext("webgl") as WebGLRenderingContext | null;
  if (!gl) return undefined;
  const data = new Uint8Array(4 * width * height);
  gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
  gl.bindFramebuffer(gl.FRAMEBUFFER, gl.createFramebuffer());
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, bitmap);
  gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, gl.getParameter(gl.TEXTURE_BINDING_2D), 0);
  gl.readPixels(0, 0, width, height, gl.RGBA, gl.UNSIGNED_BYTE, data);
  const failed = gl.getError() !== gl.NO_ERROR;
  gl.getExtension("WEBGL_lose_context")?.loseContext();
  return failed ? undefined : data;
}

function remedy(cause: unknown): string {
  const tainted = cause instanceof Error && cause.name === "SecurityError";
  return tainted ? '; an image of another origin needs crossorigin="anonymous", and a server that allows it' : "";
}
