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

use super::lanes::{Halves, LANES, Pixel, Wide};
use super::weights::Layer;

/// Numbers of input kept hot in the cache while all outputs are made of it.
const TILE: usize = 32 * 1024;

/// Neighbouring pixels that one call of [`dot`] makes.
const PIXELS: usize = 6;

/// Output pixels that one turn of [`filter_row`] makes.
const STRIP: usize = 4;

/// What happens to a sum of products before it is stored.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// It is clamped to 0 and 6.
    Relu6,
    /// It is stored as it is.
    Plain,
    /// It is added to what is there.
    Add,
}

/// A 1 x 1 convolution from `plane` pixels to as many.
///
/// `scratch` is where weights are unpacked to; it holds one panel of the layer.
pub fn pointwise(
    finish: Finish,
    input: &[Pixel],
    plane: usize,
    layer: &Layer<'_>,
    output: &mut [Pixel],
    scratch: &mut [[Pixel; LANES]],
) {
    let multiply = match finish {
        Finish::Relu6 => tile::<true, false>,
        Finish::Plain => tile::<false, false>,
        Finish::Add => tile::<false, true>,
    };
    let scratch = &mut scratch[..layer.inputs / LANES];
    let step = (TILE / layer.inputs).next_multiple_of(PIXELS);
    for start in (0..plane).step_by(step) {
        let pixels = step.min(plane - start);
        for (panel, output) in layer.panels().zip(output.chunks_mut(plane)) {
            unpack(panel.halves.as_chunks().0, scratch);
            let output = &mut output[start..start + pixels];
            multiply(&input[start..], plane, scratch, &panel.bias, output);
        }
    }
}

/// All pixels of one tile for eight output channels.
fn tile<const RELU: bool, const ADD: bool>(
    input: &[Pixel],
    plane: usize,
    weights: &[[Pixel; LANES]],
    bias: &Pixel,
    output: &mut [Pixel],
) {
    let fence = core::hint::black_box(usize::MAX);
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
            1 => dot::<1, RELU, ADD>(input, plane, weights, bias, output, fence),
            2 => dot::<2, RELU, ADD>(input, plane, weights, bias, output, fence),
            3 => dot::<3, RELU, ADD>(input, plane, weights, bias, output, fence),
            4 => dot::<4, RELU, ADD>(input, plane, weights, bias, output, fence),
            5 => dot::<5, RELU, ADD>(input, plane, weights, bias, output, fence),
            _ => dot::<PIXELS, RELU, ADD>(input, plane, weights, bias, output, fence),
        }
        done += count;
    }
}

/// `N` neighbouring pixels for eight output channels.
#[inline(never)]
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn dot<const N: usize, const RELU: bool, const ADD: bool>(
    input: &[Pixel],
    plane: usize,
    weights: &[[Pixel; LANES]],
    bias: &Pixel,
    output: &mut [Pixel],
    fence: usize,
) {
    let mut sums = [Wide::load(bias); N];
    for (pixels, weights) in input.chunks(plane).zip(weights) {
        let Some(pixels) = pixels.first_chunk::<N>() else {
            break;
        };
        macro_rules! channels {
            ($($channel:literal),*) => {$(
                let weight = Wide::load(&weights[$channel]);
                for (sum, pixel) in sums.iter_mut().zip(pixels) {
                    *sum = sum.add_scaled(pixel.0[$channel], weight);
                }
                // Never true. It ends the basic block: LLVM would move all the
                // loads to its top, and Cranelift spill them.
                if fence == $channel {
                    break;
                }
            )*};
        }
        channels!(0, 1, 2, 3, 4, 5, 6, 7);
    }
    for (mut sum, pixel) in sums.into_iter().zip(&mut output[..N]) {
        if ADD {
            sum = sum.add(Wide::load(pixel));
        }
        if RELU {
            sum = sum.relu6();
        }
        sum.store(pixel);
    }
}

/// Unpacks weights to 32-bit floats.
#[inline(never)]
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn unpack(halves: &[[Halves; LANES]], weights: &mut [[Pixel; LANES]]) {
    for (halves, weights) in halves.iter().zip(weights) {
        for (halves, weights) in halves.iter().zip(weights) {
            Wide::from_halves(halves).store(weights);
        }
    }
}

/// One convolution a channel, `K` x `K` at stride `S` with "same" padding, then
/// clamped to 0 and 6. `SPAN` is what a strip of output needs of an input row.
///
/// The images are square, `size` pixels wide before; `padded` holds one plane
/// with its padding.
pub fn depthwise<const K: usize, const S: usize, const SPAN: usize>(
    input: &[Pixel],
    size: usize,
    layer: &Layer<'_>,
    output: &mut [Pixel],
    padded: &mut [Pixel],
) {
    const { assert!(SPAN == (STRIP - 1) * S + K) };
    let fence = core::hint::black_box(usize::MAX);
    let (after, before, width) = padding(size, K, S);
    let padded = &mut padded[..width * width];
    padded.fill(Pixel::default());
    let planes = input
        .chunks(size * size)
        .zip(output.chunks_mut(after * after));
    for (panel, (input, output)) in layer.panels().zip(planes) {
        for (from, to) in input
            .chunks(size)
            .zip(padded.chunks_mut(width).skip(before))
        {
            to[before..before + size].copy_from_slice(from);
        }
        let mut weights = [[Pixel::default(); K]; K];
        unpack_taps(panel.halves, weights.as_flattened_mut());
        for (y, row) in output.chunks_mut(after).enumerate() {
            let input = &padded[y * S * width..];
            filter_row::<K, S, SPAN>(input, width, &weights, &panel.bias, row, fence);
        }
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

#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn unpack_taps(halves: &[Halves], weights: &mut [Pixel]) {
    for (halves, weights) in halves.iter().zip(weights) {
        Wide::from_halves(halves).store(weights);
    }
}

/// One row of output of eight channels; `input` begins at its first row.
#[inline(never)]
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn filter_row<const K: usize, const S: usize, const SPAN: usize>(
    input: &[Pixel],
    width: usize,
    weights: &[[Pixel; K]; K],
    bias: &Pixel,
    output: &mut [Pixel],
    fence: usize,
) {
    let bias = Wide::load(bias);
    let last = output.len() - STRIP;
    let mut x = 0;
    loop {
        let mut sums = [bias; STRIP];
        let windows = input[x * S..].chunks(width);
        for (window, weights) in windows.zip(weights) {
            let window: &[Pixel; SPAN] = match window.first_chunk() {
                Some(window) => window,
                None => break,
            };
            for (tap, weight) in weights.iter().enumerate() {
                let weight = Wide::load(weight);
                for (i, sum) in sums.iter_mut().enumerate() {
                    *sum = sum.add_product(Wide::load(&window[i * S + tap]), weight);
                }
                // See `dot`.
                if fence == tap {
                    break;
                }
            }
        }
        for (sum, pixel) in sums.into_iter().zip(&mut output[x..]) {
            sum.relu6().store(pixel);
        }
        if x == last {
            break;
        }
        // The last strip overlaps the one before it.
        x = (x + STRIP).min(last);
    }
}
