//! The forward pass of EfficientNet-Lite0 (Tan and Le, arXiv 1905.11946; the
//! Lite variant has no squeeze-and-excitation and clamps to 0 and 6), written
//! by hand because a general runtime takes four times as long inside wasm.
//!
//! The path through the code depends on the layer table only, never on the image: the tests
//! run all of it, and the slicing here cannot go wrong on other input.
#![allow(clippy::indexing_slicing)]

mod kernels;
mod lanes;
mod layers;
mod weights;

use kernels::{Finish, depthwise, logits, padding, pointwise, twins};
use lanes::{Pixel, Twin};
use layers::{
    Block, COLOUR_MEAN, HEAD_OUTPUTS, LANES, SIX, SIX_IN_MEAN, STEM_INPUTS, STEM_KERNEL,
    STEM_OUTPUTS, STEM_STRIDE, blocks,
};
pub use layers::{CLASSES, SIDE};
use weights::Weights;

/// Bytes of the image that the network sees: red, green and blue of each pixel, row by
/// row.
pub const INPUT: usize = SIDE * SIDE * 3;

/// The number of [`Pixel`]s, of [`LANES`] channels each, in a square image.
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
    /// One plane with zeros around it, and one row of it.
    padded: Vec<Twin>,
    line: Vec<Pixel>,
}

impl Network {
    /// Takes the memory, as much as the largest layer needs.
    pub fn new() -> Self {
        let half = SIDE / STEM_STRIDE;
        let (mut narrow, mut padded, mut line) = (0, 0, 0);
        let mut wide = pixels(half, STEM_OUTPUTS);
        let mut filtered = pixels(half, STEM_INPUTS);
        for block in blocks() {
            narrow = narrow.max(pixels(block.after, block.outputs));
            wide = wide.max(pixels(block.size, block.wide));
            filtered = filtered.max(pixels(block.after, block.wide));
            let rows = padding(block.size, block.kernel, block.stride).2;
            padded = padded.max(rows * twins(block.size, block.kernel, block.stride));
            line = line.max(rows + 1);
        }
        if let Some(last) = blocks().last() {
            wide = wide.max(pixels(last.after, HEAD_OUTPUTS));
        }
        let memory = |pixels| vec![Pixel::default(); pixels];
        Self {
            narrow: memory(narrow),
            wide: memory(wide),
            filtered: memory(filtered),
            padded: vec![Twin::default(); padded],
            line: memory(line),
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
        let head = weights.layer(channels / 2, HEAD_OUTPUTS);
        pointwise(Finish::Relu6, &self.narrow, plane, &head, &mut self.wide);
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
                // A position above or to the left of the image wraps to one far outside.
                let y = (y + tap / STEM_KERNEL).wrapping_sub(before);
                let x = (x + tap % STEM_KERNEL).wrapping_sub(before);
                if y >= SIDE || x >= SIDE {
                    continue;
                }
                for (colour, value) in image[y * SIDE + x].iter().enumerate() {
                    let input = tap * 3 + colour;
                    self.filtered[input / LANES * plane + output].0[input % LANES] =
                        i16::from(*value) - COLOUR_MEAN;
                }
            }
        }
        let layer = weights.layer(STEM_INPUTS / 2, STEM_OUTPUTS);
        let finish = Finish::Relu6;
        pointwise(finish, &self.filtered, plane, &layer, &mut self.wide);
    }

    fn block(&mut self, block: &Block, weights: &mut Weights) {
        // Without an expansion the stem has left its output where it would be.
        if block.expands() {
            let expand = weights.layer(block.inputs / 2, block.wide);
            let plane = block.size * block.size;
            let finish = Finish::Relu6;
            pointwise(finish, &self.narrow, plane, &expand, &mut self.wide);
        }
        let pairs = block.kernel * block.kernel.div_ceil(2);
        let layer = weights.layer(pairs, block.wide);
        let filter = match (block.kernel, block.stride) {
            (3, 1) => depthwise::<3, 1, 2, 6>,
            (3, _) => depthwise::<3, 2, 2, 5>,
            (_, 1) => depthwise::<5, 1, 3, 8>,
            _ => depthwise::<5, 2, 3, 6>,
        };
        filter(
            &self.wide,
            block.size,
            &layer,
            &mut self.filtered,
            &mut self.padded,
            &mut self.line,
        );
        let project = weights.layer(block.wide / 2, block.outputs);
        let finish = if block.is_residual() {
            Finish::Add
        } else {
            Finish::Plain
        };
        let plane = block.after * block.after;
        pointwise(finish, &self.filtered, plane, &project, &mut self.narrow);
    }

    /// The mean over all pixels, and the classes from it.
    fn classify(&mut self, plane: usize, weights: &mut Weights) -> Vec<f32> {
        let mut mean = [Pixel::default(); HEAD_OUTPUTS / LANES];
        let factor = f32::from(SIX_IN_MEAN) / f32::from(SIX) / plane as f32;
        for (mean, pixels) in mean.iter_mut().zip(self.wide.chunks(plane)) {
            let mut sums = [0_i32; LANES];
            for pixel in pixels {
                for (sum, value) in sums.iter_mut().zip(pixel.0) {
                    *sum += i32::from(value);
                }
            }
            mean.0 = sums.map(|sum| (sum as f32 * factor + 0.5) as i16);
        }
        let layer = weights.layer(HEAD_OUTPUTS / 2, CLASSES);
        let logits = logits(&mean, &layer);
        debug_assert!(weights.is_empty(), "the table has all layers");
        logits
    }
}

impl Default for Network {
    fn default() -> Self {
        Self::new()
    }
}
