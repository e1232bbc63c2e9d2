//! The forward pass of EfficientNet-Lite0 (Tan and Le, arXiv 1905.11946; the
//! Lite variant has no squeeze-and-excitation and clamps to 0 and 6), written
//! by hand because a general runtime takes four times as long inside wasm.
//!
//! What it does depends on the layer table only, never on the image: the tests
//! run all of it, and the slicing here cannot go wrong on other input.
#![allow(clippy::indexing_slicing)]

mod kernels;
mod lanes;
mod weights;

use kernels::{Finish, depthwise, padding, pointwise};
use lanes::{LANES, Pixel};
use weights::Weights;

/// Width and height of the image that the network sees.
pub const SIDE: usize = 224;
/// Bytes of that image: red, green and blue of each pixel, row by row.
pub const INPUT: usize = SIDE * SIDE * 3;
/// What it can tell apart.
pub const CLASSES: usize = 1000;

const STEM_OUTPUTS: usize = 32;
const STEM_KERNEL: usize = 3;
const STEM_STRIDE: usize = 2;
/// 3 x 3 x 3 weights, padded to whole panels.
const STEM_INPUTS: usize = 32;
const HEAD_OUTPUTS: usize = 1280;

/// Blocks of one kind in a row; only the first has the stride.
struct Stage {
    blocks: usize,
    kernel: usize,
    stride: usize,
    /// How many times its input channels a block has inside.
    expansion: usize,
    outputs: usize,
}

#[rustfmt::skip]
const STAGES: [Stage; 7] = [
    Stage { blocks: 1, kernel: 3, stride: 1, expansion: 1, outputs: 16 },
    Stage { blocks: 2, kernel: 3, stride: 2, expansion: 6, outputs: 24 },
    Stage { blocks: 2, kernel: 5, stride: 2, expansion: 6, outputs: 40 },
    Stage { blocks: 3, kernel: 3, stride: 2, expansion: 6, outputs: 80 },
    Stage { blocks: 3, kernel: 5, stride: 1, expansion: 6, outputs: 112 },
    Stage { blocks: 4, kernel: 5, stride: 2, expansion: 6, outputs: 192 },
    Stage { blocks: 1, kernel: 3, stride: 1, expansion: 6, outputs: 320 },
];

/// Widens its channels, filters each, and narrows them again.
#[derive(Clone, Copy)]
struct Block {
    kernel: usize,
    stride: usize,
    inputs: usize,
    wide: usize,
    outputs: usize,
    /// Width and height before and after.
    size: usize,
    after: usize,
}

/// The blocks in order, with the shapes that follow from the stages.
fn blocks() -> impl Iterator<Item = Block> {
    let (mut inputs, mut size) = (STEM_OUTPUTS, SIDE / STEM_STRIDE);
    STAGES.iter().flat_map(move |stage| {
        let first = Block {
            kernel: stage.kernel,
            stride: stage.stride,
            inputs,
            wide: inputs * stage.expansion,
            outputs: stage.outputs,
            size,
            after: size / stage.stride,
        };
        (inputs, size) = (first.outputs, first.after);
        let next = Block {
            stride: 1,
            inputs,
            wide: inputs * stage.expansion,
            size,
            ..first
        };
        std::iter::once(first).chain(std::iter::repeat_n(next, stage.blocks - 1))
    })
}

/// What a square image of some channels takes.
fn pixels(size: usize, channels: usize) -> usize {
    size * size * channels / LANES
}

/// The network with the memory that it needs for one image at a time.
pub struct Network {
    /// Between blocks.
    narrow: Vec<Pixel>,
    /// Inside a block, before its filter.
    wide: Vec<Pixel>,
    /// Inside a block, after its filter.
    filtered: Vec<Pixel>,
    /// One plane with zeros around it.
    padded: Vec<Pixel>,
    /// Unpacked weights of eight channels.
    panel: Vec<[Pixel; LANES]>,
}

impl Network {
    /// Takes the memory, as much as the largest layer needs.
    pub fn new() -> Self {
        let half = SIDE / STEM_STRIDE;
        let (mut narrow, mut padded) = (0, 0);
        let mut wide = pixels(half, STEM_OUTPUTS);
        let mut filtered = pixels(half, STEM_INPUTS);
        for block in blocks() {
            narrow = narrow.max(pixels(block.after, block.outputs));
            wide = wide.max(pixels(block.size, block.wide));
            filtered = filtered.max(pixels(block.after, block.wide));
            padded = padded.max(padding(block.size, block.kernel, block.stride).2.pow(2));
        }
        if let Some(last) = blocks().last() {
            wide = wide.max(pixels(last.after, HEAD_OUTPUTS));
        }
        let memory = |pixels| vec![Pixel::default(); pixels];
        Self {
            narrow: memory(narrow),
            wide: memory(wide),
            filtered: memory(filtered),
            padded: memory(padded),
            panel: vec![[Pixel::default(); LANES]; HEAD_OUTPUTS / LANES],
        }
    }

    /// The logit of each class.
    pub fn run(&mut self, image: &[u8; INPUT]) -> Vec<f32> {
        let mut weights = Weights::new();
        self.stem(image, &mut weights);
        let mut size = 0;
        let mut channels = 0;
        for block in blocks() {
            self.block(&block, &mut weights);
            (size, channels) = (block.after, block.outputs);
        }
        let plane = size * size;
        let head = weights.layer(channels, HEAD_OUTPUTS);
        pointwise(
            Finish::Relu6,
            &self.narrow,
            plane,
            &head,
            &mut self.wide,
            &mut self.panel,
        );
        self.classify(plane, &mut weights)
    }

    /// The first convolution, as a 1 x 1 one over each pixel's neighbourhood.
    fn stem(&mut self, image: &[u8; INPUT], weights: &mut Weights) {
        let (after, before, _) = padding(SIDE, STEM_KERNEL, STEM_STRIDE);
        let plane = after * after;
        let image = image.as_chunks::<3>().0;
        self.filtered[..pixels(after, STEM_INPUTS)].fill(Pixel::default());
        for output in 0..plane {
            let (y, x) = (output / after * STEM_STRIDE, output % after * STEM_STRIDE);
            for tap in 0..STEM_KERNEL * STEM_KERNEL {
                // What is above or to the left of the image wraps to far outside.
                let y = (y + tap / STEM_KERNEL).wrapping_sub(before);
                let x = (x + tap % STEM_KERNEL).wrapping_sub(before);
                if y >= SIDE || x >= SIDE {
                    continue;
                }
                for (colour, value) in image[y * SIDE + x].iter().enumerate() {
                    let input = tap * 3 + colour;
                    self.filtered[input / LANES * plane + output].0[input % LANES] =
                        (f32::from(*value) - 127.0) / 128.0;
                }
            }
        }
        let layer = weights.layer(STEM_INPUTS, STEM_OUTPUTS);
        pointwise(
            Finish::Relu6,
            &self.filtered,
            plane,
            &layer,
            &mut self.wide,
            &mut self.panel,
        );
    }

    fn block(&mut self, block: &Block, weights: &mut Weights) {
        // Without an expansion the stem has left its output where it would be.
        if block.wide > block.inputs {
            let expand = weights.layer(block.inputs, block.wide);
            let plane = block.size * block.size;
            pointwise(
                Finish::Relu6,
                &self.narrow,
                plane,
                &expand,
                &mut self.wide,
                &mut self.panel,
            );
        }
        let layer = weights.layer(block.kernel * block.kernel, block.wide);
        let filter = match (block.kernel, block.stride) {
            (3, 1) => depthwise::<3, 1, 6>,
            (3, _) => depthwise::<3, 2, 9>,
            (_, 1) => depthwise::<5, 1, 8>,
            _ => depthwise::<5, 2, 11>,
        };
        filter(
            &self.wide,
            block.size,
            &layer,
            &mut self.filtered,
            &mut self.padded,
        );
        let project = weights.layer(block.wide, block.outputs);
        let residual = block.stride == 1 && block.inputs == block.outputs;
        let finish = if residual { Finish::Add } else { Finish::Plain };
        let plane = block.after * block.after;
        pointwise(
            finish,
            &self.filtered,
            plane,
            &project,
            &mut self.narrow,
            &mut self.panel,
        );
    }

    /// The mean over all pixels, and the classes from it.
    fn classify(&mut self, plane: usize, weights: &mut Weights) -> Vec<f32> {
        let mut mean = [Pixel::default(); HEAD_OUTPUTS / LANES];
        for (mean, pixels) in mean.iter_mut().zip(self.wide.chunks(plane)) {
            for pixel in pixels {
                for (sum, value) in mean.0.iter_mut().zip(pixel.0) {
                    *sum += value / plane as f32;
                }
            }
        }
        let layer = weights.layer(HEAD_OUTPUTS, CLASSES);
        let mut logits = [Pixel::default(); CLASSES / LANES];
        pointwise(
            Finish::Plain,
            &mean,
            1,
            &layer,
            &mut logits,
            &mut self.panel,
        );
        debug_assert!(weights.is_empty(), "the table has all layers");
        logits.iter().flat_map(|pixel| pixel.0).collect()
    }
}

impl Default for Network {
    fn default() -> Self {
        Self::new()
    }
}
