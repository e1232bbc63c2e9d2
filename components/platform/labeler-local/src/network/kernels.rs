//! The three loops in which all the time goes.
//!
//! Activations lie in planes: all pixels of the first eight channels, then all
//! of the next eight. Runtimes that interrupt long-running guests check for it
//! at every turn of a loop, so the inner loops are unrolled by hand, and each
//! kernel is a function of its own because Cranelift spills registers when it
//! is inlined into a larger one.
//!
//! Slices are cut to the size that the layer table asks for: a wrong table
//! would panic in the tests that run every layer, no image can make it.
#![allow(clippy::indexing_slicing)]

use super::lanes::{Bytes, Narrow, Pixel, Twin, Wide};
use super::layers::LANES;
use super::weights::{Factors, Layer, Panel};

/// Numbers of input kept hot in the cache while all outputs are made of them.
const TILE: usize = 32 * 1024;

/// Neighbouring pixels that one call of [`dot`] makes.
const PIXELS: usize = 4;

/// Output pixels that one turn of [`filter_row`] makes.
const STRIP: usize = 4;

/// The last step of a sum of products, when it is stored.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// It is clamped to 0 and 6.
    Relu6,
    /// It is stored as it is.
    Plain,
    /// It is added to the value that the output has.
    Add,
}

/// A 1 x 1 convolution from `plane` pixels to as many.
pub fn pointwise(
    finish: Finish,
    input: &[Pixel],
    plane: usize,
    layer: &Layer,
    output: &mut [Pixel],
) {
    let multiply = match finish {
        Finish::Relu6 => tile::<true, false>,
        Finish::Plain => tile::<false, false>,
        Finish::Add => tile::<false, true>,
    };
    let step = (TILE / (2 * layer.pairs)).next_multiple_of(PIXELS);
    for start in (0..plane).step_by(step) {
        let pixels = step.min(plane - start);
        for (panel, output) in layer.panels().zip(output.chunks_mut(plane)) {
            let output = &mut output[start..start + pixels];
            multiply(&input[start..], plane, panel, output);
        }
    }
}

/// All pixels of one tile for eight output channels.
fn tile<const RELU: bool, const ADD: bool>(
    input: &[Pixel],
    plane: usize,
    panel: Panel,
    output: &mut [Pixel],
) {
    let pairs = core::hint::black_box(panel.weights.len());
    let mut done = 0;
    while done < output.len() {
        let left = output.len() - done;
        // Two halves are faster than a whole group and a single pixel.
        let count = match left {
            0..=PIXELS => left,
            _ if left < 2 * PIXELS => left.div_ceil(2),
            _ => PIXELS,
        };
        let (input, output) = (&input[done..], &mut output[done..]);
        match count {
            1 => dot::<1, RELU, ADD>(input, plane, &panel, output, pairs),
            2 => dot::<2, RELU, ADD>(input, plane, &panel, output, pairs),
            3 => dot::<3, RELU, ADD>(input, plane, &panel, output, pairs),
            _ => dot::<PIXELS, RELU, ADD>(input, plane, &panel, output, pairs),
        }
        done += count;
    }
}

/// `N` neighbouring pixels for eight output channels; `pairs` is the number of all pairs
/// of inputs.
#[inline(never)]
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn dot<const N: usize, const RELU: bool, const ADD: bool>(
    input: &[Pixel],
    plane: usize,
    panel: &Panel,
    output: &mut [Pixel],
    pairs: usize,
) {
    let mut sums = [Wide::load(panel.bias); N];
    let mut left = pairs;
    let mut groups = panel.weights.as_chunks::<{ LANES / 2 }>().0.iter();
    let mut rest = input;
    // Each turn of the loop keeps the sums in memory, since it may be interrupted there. So
    // it is long.
    macro_rules! pairs {
        ($weights:ident, $pixels:ident, $($pair:literal),*) => {$(
            let weight = Wide::load(&$weights[$pair]);
            for (sum, pixel) in sums.iter_mut().zip($pixels) {
                *sum = sum.add_products(Wide::splat::<$pair>(pixel), weight);
            }
            // It is 0 only after the last pair of a group, which the compiler does not
            // know. It ends the basic block: LLVM would move all the loads to its top,
            // and Cranelift spill them.
            left -= 1;
            if left == 0 {
                break;
            }
        )*};
    }
    macro_rules! group {
        ($($_:literal),*) => {$({
            let _ = $_;
            let (Some(pixels), Some(weights)) = (rest.first_chunk::<N>(), groups.next()) else {
                break;
            };
            rest = rest.get(plane..).unwrap_or_default();
            let mut loaded = [Narrow::load(&pixels[0]); N];
            for (loaded, pixel) in loaded.iter_mut().zip(pixels) {
                *loaded = Narrow::load(pixel);
            }
            pairs!(weights, loaded, 0, 1, 2, 3);
        })*};
    }
    loop {
        group!(0, 1, 2, 3);
    }
    for (sum, pixel) in sums.into_iter().zip(&mut output[..N]) {
        finish::<RELU, ADD>(sum, panel.finish, pixel);
    }
}

/// Stores a sum of products.
#[inline]
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn finish<const RELU: bool, const ADD: bool>(sum: Wide, factors: Factors, pixel: &mut Pixel) {
    let mut scaled = sum.scaled(Wide::load(factors.sum));
    if ADD {
        let added = Wide::widened(pixel).scaled(Wide::load(factors.added));
        scaled = scaled.add_floats(added);
    }
    scaled.round::<RELU>(pixel);
}

/// All outputs of a layer for one pixel, as floats.
pub fn logits(input: &[Pixel], layer: &Layer) -> Vec<f32> {
    let panels = layer.panels();
    panels.flat_map(|panel| floats(input, &panel)).collect()
}

#[inline(never)]
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn floats(input: &[Pixel], panel: &Panel) -> [f32; LANES] {
    let mut sum = Wide::load(panel.bias);
    for (pixel, weights) in input.iter().zip(panel.weights.as_chunks().0) {
        let [a, b, c, d] = weights;
        let pixel = Narrow::load(pixel);
        sum = sum
            .add_products(Wide::splat::<0>(pixel), Wide::load(a))
            .add_products(Wide::splat::<1>(pixel), Wide::load(b))
            .add_products(Wide::splat::<2>(pixel), Wide::load(c))
            .add_products(Wide::splat::<3>(pixel), Wide::load(d));
    }
    sum.scaled(Wide::load(panel.finish.sum)).floats()
}

/// One convolution a channel, `K` x `K` at stride `S` with "same" padding, then clamped to 0
/// and 6. Its taps are taken two by two, `T` pairs a row; `SPAN` is the length of an input
/// row that a strip of output needs.
///
/// The images are square, `size` pixels wide before; `padded` holds one plane
/// with its padding, two by two, and `line` a row of it.
pub fn depthwise<const K: usize, const S: usize, const T: usize, const SPAN: usize>(
    input: &[Pixel],
    size: usize,
    layer: &Layer,
    output: &mut [Pixel],
    padded: &mut [Twin],
    line: &mut [Pixel],
) {
    const { assert!(K <= 5 && T == K.div_ceil(2) && SPAN == STRIP + (T - 1) * 2 / S) };
    let pairs = core::hint::black_box(layer.pairs);
    let (after, before, rows) = padding(size, K, S);
    let width = twins(size, K, S);
    let padded = &mut padded[..rows * width];
    padded.fill(Twin::default());
    let line = &mut line[..rows + 1];
    line.fill(Pixel::default());
    let planes = input
        .chunks(size * size)
        .zip(output.chunks_mut(after * after));
    for (panel, (input, output)) in layer.panels().zip(planes) {
        for (from, to) in input
            .chunks(size)
            .zip(padded.chunks_mut(width).skip(before))
        {
            line[before..before + size].copy_from_slice(from);
            pair_up::<S>(line, to);
        }
        let weights = panel.weights.as_chunks::<T>().0;
        for (y, row) in output.chunks_mut(after).enumerate() {
            let input = &padded[y * S * width..];
            filter_row::<K, S, T, SPAN>(input, width, weights, &panel, row, pairs);
        }
    }
}

/// Pairs of pixels in a padded row that a depthwise convolution needs.
pub const fn twins(size: usize, kernel: usize, stride: usize) -> usize {
    size.div_ceil(stride) + (kernel.div_ceil(2) - 1) * 2 / stride
}

/// Every `S`th pixel of a row with the one after it.
#[inline(never)]
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn pair_up<const S: usize>(line: &[Pixel], twins: &mut [Twin]) {
    for (pixels, twin) in line.windows(2).step_by(S).zip(twins) {
        let [first, second] = pixels else { break };
        twin.set(first, second);
    }
}

/// TensorFlow's "same" padding: pixels after the convolution, zeros before the
/// first pixel, and pixels with all zeros, in one direction.
pub const fn padding(size: usize, kernel: usize, stride: usize) -> (usize, usize, usize) {
    let after = size.div_ceil(stride);
    let needed = (after - 1) * stride + kernel;
    let before = needed.saturating_sub(size) / 2;
    let padded = if needed > before + size {
        needed
    } else {
        before + size
    };
    (after, before, padded)
}

/// One row of output of eight channels; `input` begins at its first row.
#[inline(never)]
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn filter_row<const K: usize, const S: usize, const T: usize, const SPAN: usize>(
    input: &[Twin],
    width: usize,
    weights: &[[Bytes; T]],
    panel: &Panel,
    output: &mut [Pixel],
    pairs: usize,
) {
    let bias = Wide::load(panel.bias);
    let last = output.len() - STRIP;
    let mut x = 0;
    loop {
        let mut sums = [bias; STRIP];
        let mut left = pairs;
        let mut rows = weights.iter();
        let input = &input[x..];
        // A loop would cost as much as a row.
        macro_rules! rows {
            ($done:lifetime, $($row:literal),*) => {$(
                if $row < K {
                    let window = input.get($row * width..).and_then(<[Twin]>::first_chunk::<SPAN>);
                    let (Some(window), Some(weights)) = (window, rows.next()) else {
                        break $done;
                    };
                    for (pair, weight) in weights.iter().enumerate() {
                        let weight = Wide::load(weight);
                        for (i, sum) in sums.iter_mut().enumerate() {
                            let twin = Wide::twin(&window[i + pair * 2 / S]);
                            *sum = sum.add_products(twin, weight);
                        }
                        // See `dot`.
                        left -= 1;
                        if left == 0 {
                            break $done;
                        }
                    }
                }
            )*};
        }
        'rows: {
            rows!('rows, 0, 1, 2, 3, 4);
        }
        for (sum, pixel) in sums.into_iter().zip(&mut output[x..]) {
            finish::<true, false>(sum, panel.finish, pixel);
        }
        if x == last {
            break;
        }
        // The last strip overlaps the one before it.
        x = (x + STRIP).min(last);
    }
}
