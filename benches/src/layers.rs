//! Quantized layers of real nets, with made-up contents: their time depends on their shapes alone.

use dunlin_engine::op::Window;
use dunlin_kernels::{
    Conv, ConvInput, Depthwise, DepthwiseInput, Gemm, GemmInput, Isa, KernelName, Panels, Requant, ShapeError, Taps,
    TapsBuf, packed_len,
};

/// Weights, bias, scales, input and room for the output of a layer.
#[derive(Debug)]
struct Contents {
    input: Vec<u8>,
    weights: Vec<i8>,
    bias: Vec<i32>,
    scale: Vec<f32>,
    out: Vec<u8>,
}

impl Contents {
    fn new(input: usize, [n, k]: [usize; 2], out: usize) -> Self {
        let weights = packed_len(n, k).expect("a layer's weights fit in memory");
        Self {
            input: (0..input).map(|i| (i * 37 % 251) as u8).collect(),
            weights: (0..weights).map(|i| (i * 29 % 255) as i8).collect(),
            bias: vec![1000; n],
            scale: vec![0.0005; n],
            out: vec![0; out],
        }
    }

    fn panels(&self, [n, k]: [usize; 2]) -> Panels<'_> {
        Panels::new(&self.weights, n, k).expect("the weights were made for these extents")
    }

    fn requant(&self) -> Requant<'_> {
        Requant { bias: &self.bias, scale: &self.scale, zero: 128, lo: 0, hi: 255 }
    }
}

/// A layer with all kernels that might compute it.
pub trait Candidates {
    /// Rows, or output points, of one product, output channels, depth.
    fn shape(&self) -> [usize; 3];
    /// The name of the kernel that would be picked.
    fn picked(&self) -> KernelName;
    /// The names of all.
    fn names(&self) -> Vec<KernelName>;
    /// Runs the layer once with the kernel of this number.
    ///
    /// # Errors
    /// Never for a layer that its constructor made.
    fn run(&mut self, which: usize) -> Result<(), ShapeError>;
}

/// A product of matrices: `m` rows of `k` with `n` output channels.
#[derive(Debug)]
pub struct Product {
    kernel: Gemm,
    shape: [usize; 3],
    contents: Contents,
    scratch: Vec<u8>,
}

impl Product {
    /// Picks the kernel and makes the contents.
    pub fn new(isa: Isa, [m, n, k]: [usize; 3]) -> Self {
        let kernel = Gemm::select(isa, m, n, k);
        let scratch = vec![0; kernel.scratch_len()];
        Self { kernel, shape: [m, n, k], contents: Contents::new(m * k, [n, k], m * n), scratch }
    }

    /// The picked kernel's name.
    pub fn name(&self) -> KernelName {
        self.kernel.name()
    }

    /// Runs the layer once.
    ///
    /// # Errors
    /// Never for a product that [`Product::new`] made.
    pub fn run(&mut self) -> Result<(), ShapeError> {
        let [m, n, k] = self.shape;
        let mut out = std::mem::take(&mut self.contents.out);
        let input = GemmInput { a: &self.contents.input, m, lda: k, panels: self.contents.panels([n, k]), w_zero: &[] };
        let done = self.kernel.run(input, self.contents.requant(), &mut out, n, &mut self.scratch);
        self.contents.out = out;
        done
    }
}

/// A product and the kernels of all tiles.
#[derive(Debug)]
pub struct ProductCandidates {
    product: Product,
    picked: KernelName,
    kernels: Vec<Gemm>,
}

impl ProductCandidates {
    /// Makes the contents, which are the same for all.
    pub fn new(isa: Isa, [m, n, k]: [usize; 3]) -> Self {
        let product = Product::new(isa, [m, n, k]);
        Self { picked: product.name(), product, kernels: Gemm::candidates(isa, m, n, k).collect() }
    }
}

impl Candidates for ProductCandidates {
    fn shape(&self) -> [usize; 3] {
        self.product.shape
    }

    fn picked(&self) -> KernelName {
        self.picked
    }

    fn names(&self) -> Vec<KernelName> {
        self.kernels.iter().map(Gemm::name).collect()
    }

    fn run(&mut self, which: usize) -> Result<(), ShapeError> {
        self.product.kernel = self.kernels[which];
        self.product.run()
    }
}

/// Extents of a layer that slides a square window over an image `[h, w, c]`; the image is padded to keep its
/// size but for the stride.
#[derive(Clone, Copy, Debug)]
pub struct Sliding {
    /// Height, width and channels.
    pub image: [usize; 3],
    /// Output channels; not used where each channel has its own filter.
    pub n: usize,
    /// Height and width of the window.
    pub kernel: [u32; 2],
    /// Steps between windows.
    pub stride: u32,
}

impl Sliding {
    fn taps(&self) -> TapsBuf {
        let [kh, kw] = self.kernel;
        let pads = [(kh - 1) / 2, (kw - 1) / 2, kh / 2, kw / 2];
        let window = Window { kernel: [kh, kw], stride: [self.stride; 2], dilation: [1; 2], pads, ceil: false };
        let [h, w, c] = self.image;
        let (rows, cols, shape) = window.tables(self.image, c).expect("the window fits the image");
        TapsBuf::new(rows, cols, shape, h * w * c).expect("the tables were made for this image")
    }
}

/// What a sliding layer computes.
#[derive(Debug)]
enum Kernel {
    Conv(Conv),
    Depthwise(Depthwise),
}

/// A convolution or a depthwise convolution.
#[derive(Debug)]
pub struct Layer {
    kernel: Kernel,
    taps: TapsBuf,
    panels: [usize; 2],
    contents: Contents,
    scratch: Vec<u8>,
}

impl Layer {
    /// A convolution.
    pub fn conv(isa: Isa, layer: Sliding) -> Self {
        let taps = layer.taps();
        let kernel = Conv::select(isa, layer.n, &taps.taps());
        let panels = [layer.n, taps.taps().depth()];
        Self::new(Kernel::Conv(kernel), kernel.scratch_len(), taps, panels, layer.image)
    }

    /// A depthwise convolution.
    pub fn depthwise(isa: Isa, layer: Sliding) -> Self {
        let taps = layer.taps();
        let kernel = Depthwise::select(isa, &taps.taps());
        let panels = [layer.image[2], taps.taps().window()];
        Self::new(Kernel::Depthwise(kernel), kernel.scratch_len(), taps, panels, layer.image)
    }

    fn new(kernel: Kernel, scratch: usize, taps: TapsBuf, panels: [usize; 2], image: [usize; 3]) -> Self {
        let contents = Contents::new(image.iter().product(), panels, taps.taps().points() * panels[0]);
        Self { kernel, taps, panels, contents, scratch: vec![0; scratch] }
    }

    /// The picked kernel's name.
    pub fn name(&self) -> KernelName {
        match &self.kernel {
            Kernel::Conv(kernel) => kernel.name(),
            Kernel::Depthwise(kernel) => kernel.name(),
        }
    }

    /// Runs the layer once.
    ///
    /// # Errors
    /// Never for a layer that one of the constructors made.
    pub fn run(&mut self) -> Result<(), ShapeError> {
        let mut out = std::mem::take(&mut self.contents.out);
        let (input, zero, w_zero) = (&self.contents.input[..], 128, &[][..]);
        let (taps, panels): (Taps<'_>, _) = (self.taps.taps(), self.contents.panels(self.panels));
        let requant = self.contents.requant();
        let done = match &self.kernel {
            Kernel::Conv(kernel) => {
                let input = ConvInput { input, zero, taps, panels, w_zero };
                kernel.run(input, requant, &mut out, self.panels[0], &mut self.scratch)
            }
            Kernel::Depthwise(kernel) => {
                let input = DepthwiseInput { input, zero, taps, panels, w_zero };
                kernel.run(input, requant, &mut out, &mut self.scratch)
            }
        };
        self.contents.out = out;
        done
    }
}

/// A convolution and the kernels of all tiles.
#[derive(Debug)]
pub struct ConvCandidates {
    layer: Layer,
    picked: KernelName,
    kernels: Vec<Conv>,
}

impl ConvCandidates {
    /// Makes the contents, which are the same for all.
    pub fn new(isa: Isa, sliding: Sliding) -> Self {
        let layer = Layer::conv(isa, sliding);
        let kernels = Conv::candidates(isa, sliding.n, &layer.taps.taps()).collect();
        Self { picked: layer.name(), layer, kernels }
    }
}

impl Candidates for ConvCandidates {
    fn shape(&self) -> [usize; 3] {
        let [n, k] = self.layer.panels;
        [self.kernels[0].rows(), n, k]
    }

    fn picked(&self) -> KernelName {
        self.picked
    }

    fn names(&self) -> Vec<KernelName> {
        self.kernels.iter().map(Conv::name).collect()
    }

    fn run(&mut self, which: usize) -> Result<(), ShapeError> {
        self.layer.kernel = Kernel::Conv(self.kernels[which]);
        self.layer.run()
    }
}
