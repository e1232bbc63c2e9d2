//! Pictures in another size, by an antialiasing triangle filter.

use std::collections::VecDeque;

use crate::pixels::{Picture, Rgb};

/// One output pixel as a weighted sum of neighbouring input pixels.
struct Tap {
    first: usize,
    weights: Vec<f32>,
}

impl Tap {
    fn pixel(&self, line: &[Rgb]) -> Rgb {
        let mut sum = [0.0; 3];
        for (pixel, weight) in line.iter().skip(self.first).zip(&self.weights) {
            add(&mut sum, pixel, *weight);
        }
        sum.map(round)
    }
}

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
    let mut line = Vec::with_capacity(area.width);
    let mut scaled = Vec::with_capacity(3 * width * height);
    // The rows of the result that are being summed up: those after the first `done`.
    let mut open: VecDeque<Vec<[f32; 3]>> = VecDeque::new();
    let mut done = 0;
    let rows = picture.bytes.chunks_exact(picture.width * pixel);
    for (at, row) in rows.skip(area.top).take(area.height).enumerate() {
        line.clear();
        line.extend(
            row.chunks_exact(pixel)
                .skip(area.left)
                .take(area.width)
                .map(|samples| picture.layout.rgb(samples)),
        );
        let narrow: Vec<Rgb> = across.iter().map(|tap| tap.pixel(&line)).collect();
        let begin = |tap: &&Tap| tap.first <= at;
        let begun = down
            .iter()
            .skip(done + open.len())
            .take_while(begin)
            .count();
        open.extend((0..begun).map(|_| vec![[0.0; 3]; width]));
        for (sums, tap) in open.iter_mut().zip(down.iter().skip(done)) {
            if let Some(weight) = tap.weights.get(at - tap.first) {
                for (sum, pixel) in sums.iter_mut().zip(&narrow) {
                    add(sum, pixel, *weight);
                }
            }
        }
        while let Some(tap) = down.get(done)
            && tap.first + tap.weights.len() <= at + 1
            && let Some(sums) = open.pop_front()
        {
            scaled.extend(sums.as_flattened().iter().copied().map(round));
            done += 1;
        }
    }
    scaled
}

fn add(sum: &mut [f32; 3], pixel: &Rgb, weight: f32) {
    for (sum, value) in sum.iter_mut().zip(pixel) {
        *sum += weight * f32::from(*value);
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
            let weights = (first..last).map(|at| weight(at) / total).collect();
            Tap { first, weights }
        })
        .collect()
}
