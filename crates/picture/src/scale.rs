//! Pictures in another size, by an antialiasing triangle filter.

use std::collections::VecDeque;

use crate::pixels::{Channels, Layout, Picture, Rgb};

/// One output pixel as a weighted sum of neighbouring input pixels.
struct Tap {
    first: usize,
    /// The number of weights without the zeros that fill the last four.
    count: usize,
    weights: Vec<[f32; UNROLLED]>,
}

/// Weights that one turn of a loop handles.
const UNROLLED: usize = 4;

impl Tap {
    #[inline]
    #[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
    fn pixel(&self, line: &[Colour]) -> Colour {
        let mut sum = [0.0; 4];
        let pixels = line.get(self.first..).unwrap_or_default();
        for (pixels, weights) in pixels.as_chunks::<UNROLLED>().0.iter().zip(&self.weights) {
            for (pixel, weight) in pixels.iter().zip(weights) {
                for (sum, value) in sum.iter_mut().zip(pixel) {
                    *sum += weight * value;
                }
            }
        }
        sum
    }

    fn weight(&self, nth: usize) -> Option<f32> {
        self.weights.as_flattened().get(nth).copied()
    }
}

/// Red, green, blue, and nothing: four lanes are added as fast as one.
type Colour = [f32; 4];

/// A part of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area {
    /// The columns before it.
    pub left: usize,
    /// The rows before it.
    pub top: usize,
    /// Its columns.
    pub width: usize,
    /// Its rows.
    pub height: usize,
}

/// Scales a part of a picture to `width` x `height` pixels, as it lies in the file: it is not
/// turned. Between the horizontal and the vertical pass, values are rounded to whole numbers.
///
/// Beside the result it takes the memory of a few rows.
pub fn scale(picture: &Picture, area: Area, width: usize, height: usize) -> Vec<u8> {
    let pixel = picture.layout.pixel_bytes();
    let across = taps(area.width, width);
    let down = taps(area.height, height);
    let mut line = Vec::with_capacity(area.width + UNROLLED);
    let mut narrow = Vec::with_capacity(width);
    let mut scaled = Vec::with_capacity(3 * width * height);
    // The rows of the result that are being summed up: those after the first `done`.
    let mut open: VecDeque<Vec<Colour>> = VecDeque::new();
    let mut done = 0;
    let rows = picture.bytes.chunks_exact(picture.width * pixel);
    for (at, row) in rows.skip(area.top).take(area.height).enumerate() {
        let samples = row.get(pixel * area.left..).unwrap_or_default();
        fill(&mut line, samples, area.width, picture.layout);
        squeeze(&mut narrow, &line, &across);
        let begin = |tap: &&Tap| tap.first <= at;
        let begun = down
            .iter()
            .skip(done + open.len())
            .take_while(begin)
            .count();
        open.extend((0..begun).map(|_| vec![[0.0; 4]; width]));
        for (sums, tap) in open.iter_mut().zip(down.iter().skip(done)) {
            if let Some(weight) = tap.weight(at - tap.first) {
                add(sums, &narrow, weight);
            }
        }
        while let Some(tap) = down.get(done)
            && tap.first + tap.count <= at + 1
            && let Some(sums) = open.pop_front()
        {
            for [red, green, blue, _] in sums {
                scaled.extend_from_slice(&[round(red), round(green), round(blue)]);
            }
            done += 1;
        }
    }
    scaled
}

/// The first pixels of a row, and after them as many as weights may be zeros.
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn fill(line: &mut Vec<Colour>, samples: &[u8], width: usize, layout: Layout) {
    line.clear();
    match layout {
        // The usual one, decided once a row.
        Layout {
            channels: Channels::Rgb,
            wide: false,
        } => line.extend(samples.as_chunks().0.iter().take(width).map(colour)),
        _ => {
            let samples = samples.chunks_exact(layout.pixel_bytes()).take(width);
            line.extend(samples.map(|samples| colour(&layout.rgb(samples))));
        }
    }
    line.extend([[0.0; 4]; UNROLLED]);
}

#[inline]
fn colour([red, green, blue]: &Rgb) -> Colour {
    [*red, *green, *blue, 0].map(f32::from)
}

/// The pixels of a row in another width, rounded.
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn squeeze(narrow: &mut Vec<Colour>, line: &[Colour], across: &[Tap]) {
    narrow.clear();
    for tap in across {
        // As `round`, and still a float: a mean of bytes is none above 255.
        narrow.push(tap.pixel(line).map(|value| (value + 0.5).floor()));
    }
}

#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn add(sums: &mut [Colour], line: &[Colour], weight: f32) {
    for (sum, pixel) in sums.iter_mut().zip(line) {
        for (sum, value) in sum.iter_mut().zip(pixel) {
            *sum += weight * value;
        }
    }
}

fn round(value: f32) -> u8 {
    (value + 0.5) as u8
}

/// The filter from `from` pixels to `to` pixels.
fn taps(from: usize, to: usize) -> Vec<Tap> {
    let step = from as f32 / to as f32;
    let radius = step.max(1.0);
    (0..to)
        .map(|index| {
            let centre = (index as f32 + 0.5) * step;
            let first = (centre - radius + 0.5).max(0.0) as usize;
            let last = ((centre + radius + 0.5) as usize).min(from);
            let weight = |at| (1.0 - ((at as f32 + 0.5 - centre) / radius).abs()).max(0.0);
            let total: f32 = (first..last).map(weight).sum();
            let weights: Vec<_> = (first..last).map(|at| weight(at) / total).collect();
            let weights = weights.chunks(UNROLLED).map(|some| {
                let mut weights = [0.0; UNROLLED];
                for (weight, value) in weights.iter_mut().zip(some) {
                    *weight = *value;
                }
                weights
            });
            Tap {
                first,
                count: last - first,
                weights: weights.collect(),
            }
        })
        .collect()
}
