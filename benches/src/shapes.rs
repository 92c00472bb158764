//! Shapes of the layers of the nets that the benches have in view: MobileNetV1 and V2, visual wake words, DS-CNN for keywords,
//! ResNet8, the autoencoder for anomalies, a text encoder of MiniLM's size, and `models/cifar10`.

use crate::layers::Sliding;

/// Products of matrices, convolutions of one tap among them: rows, output channels, depth.
pub const PRODUCTS: &[(&str, [usize; 3])] = &[
    ("mobilenetv1 112x112", [12544, 64, 32]),
    ("mobilenetv1 56x56", [3136, 128, 128]),
    ("mobilenetv1 28x28", [784, 256, 256]),
    ("mobilenetv1 14x14", [196, 512, 512]),
    ("mobilenetv1 7x7", [49, 1024, 1024]),
    ("mobilenetv1 classes", [1, 1000, 1024]),
    ("mobilenetv2 first project", [12544, 16, 32]),
    ("mobilenetv2 expand 56x56", [3136, 144, 24]),
    ("mobilenetv2 project 56x56", [3136, 24, 144]),
    ("mobilenetv2 project 28x28", [784, 32, 192]),
    ("mobilenetv2 expand 14x14", [196, 576, 96]),
    ("mobilenetv2 project 14x14", [196, 96, 576]),
    ("mobilenetv2 project 7x7", [49, 320, 960]),
    ("mobilenetv2 last", [49, 1280, 320]),
    ("mobilenetv2 classes", [1, 1001, 1280]),
    ("vww 48x48", [2304, 16, 8]),
    ("vww 24x24", [576, 32, 32]),
    ("vww 12x12", [144, 64, 64]),
    ("vww 6x6", [36, 128, 128]),
    ("vww 3x3", [9, 256, 256]),
    ("vww classes", [1, 2, 256]),
    ("kws pointwise", [125, 64, 64]),
    ("kws classes", [1, 12, 64]),
    ("resnet8 classes", [1, 10, 64]),
    ("autoencoder first", [1, 128, 640]),
    ("autoencoder inner", [1, 128, 128]),
    ("autoencoder narrow", [1, 8, 128]),
    ("autoencoder wide", [1, 128, 8]),
    ("autoencoder last", [1, 640, 128]),
    ("minilm query", [128, 384, 384]),
    ("minilm feed forward", [128, 1536, 384]),
    ("minilm back", [128, 384, 1536]),
    ("minilm short query", [16, 384, 384]),
    ("minilm pooled", [1, 384, 384]),
    ("cifar10 classes", [1, 10, 96]),
];

/// Convolutions of more taps, and of one that leaves points out.
pub const CONVS: &[(&str, Sliding)] = &[
    ("mobilenetv2 first", conv([224, 224, 3], 32, [3, 3], 2)),
    ("vww first", conv([96, 96, 3], 8, [3, 3], 2)),
    ("kws first", conv([49, 10, 1], 64, [10, 4], 2)),
    ("resnet8 first", conv([32, 32, 3], 16, [3, 3], 1)),
    ("resnet8 32x32", conv([32, 32, 16], 16, [3, 3], 1)),
    ("resnet8 32x32 to 16x16", conv([32, 32, 16], 32, [3, 3], 2)),
    ("resnet8 16x16", conv([16, 16, 32], 32, [3, 3], 1)),
    ("resnet8 16x16 to 8x8", conv([16, 16, 32], 64, [3, 3], 2)),
    ("resnet8 8x8", conv([8, 8, 64], 64, [3, 3], 1)),
    ("resnet8 shortcut", conv([16, 16, 32], 64, [1, 1], 2)),
    ("cifar10 last", conv([8, 8, 64], 96, [3, 3], 2)),
];

/// Depthwise convolutions.
pub const DEPTHWISE: &[(&str, Sliding)] = &[
    ("mobilenetv2 112x112", depthwise([112, 112, 32], 3, 1)),
    ("mobilenetv2 112x112 to 56x56", depthwise([112, 112, 96], 3, 2)),
    ("mobilenetv2 28x28", depthwise([28, 28, 192], 3, 1)),
    ("mobilenetv2 7x7", depthwise([7, 7, 960], 3, 1)),
    ("vww 48x48", depthwise([48, 48, 8], 3, 1)),
    ("kws 25x5", depthwise([25, 5, 64], 3, 1)),
    ("mobilenetv3 14x14", depthwise([14, 14, 240], 5, 1)),
];

const fn conv(image: [usize; 3], n: usize, kernel: [u32; 2], stride: u32) -> Sliding {
    Sliding { image, n, kernel, stride }
}

const fn depthwise(image: [usize; 3], side: u32, stride: u32) -> Sliding {
    Sliding { image, n: 0, kernel: [side; 2], stride }
}
