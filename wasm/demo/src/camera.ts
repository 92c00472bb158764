// The webcam, frame by frame.

/** Gives the video's frames, each when the one before was dealt with. */
export class Camera {
  #stream: MediaStream | undefined;

  constructor(
    readonly video: HTMLVideoElement,
    readonly onFrame: (frame: ImageBitmap) => Promise<void>,
    readonly onEnd: (cause: unknown) => void,
  ) {}

  get isOn(): boolean {
    return this.#stream !== undefined;
  }

  /** Asks the user, where the browser wants that, and begins. */
  async start(): Promise<void> {
    if (!navigator.mediaDevices) throw new DOMException("no media devices", "InsecureContextError");
    const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: { ideal: 640 } }, audio: false });
    this.#stream = stream;
    this.video.srcObject = stream;
    for (const track of stream.getVideoTracks()) track.addEventListener("ended", () => this.#end(new DOMException("unplugged", "NotFoundError")));
    try {
      await this.video.play();
    } catch (cause) {
      this.stop();
      throw cause;
    }
    void this.#watch(stream);
  }

  stop(): void {
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#stream = undefined;
    this.video.srcObject = null;
  }

  async #watch(stream: MediaStream): Promise<void> {
    try {
      for (;;) {
        await frameOf(this.video);
        if (this.#stream !== stream) return;
        await this.onFrame(await createImageBitmap(this.video));
      }
    } catch (cause) {
      if (this.#stream === stream) this.#end(cause);
    }
  }

  #end(cause: unknown): void {
    this.stop();
    this.onEnd(cause);
  }
}

/** The next frame; none while nobody sees the page. */
function frameOf(video: HTMLVideoElement): Promise<void> {
  return new Promise((resolve) => {
    const next = (): void => resolve();
    if ("requestVideoFrameCallback" in video) video.requestVideoFrameCallback(next);
    else requestAnimationFrame(next);
  });
}
