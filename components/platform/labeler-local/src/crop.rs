//! From a picture of any size to the input of the network: the square in its middle,
//! scaled with an antialiasing triangle filter.
//!
//! The model was trained on images that were scaled this way, with rounding to whole
//! numbers between the horizontal and the vertical pass.

use image::{DynamicImage, RgbImage};

use crate::{
    network::{INPUT, SIDE},
    picture::{Channels, Layout, Picture},
};

type Rgb = [u8; 3];

/// One output pixel as a weighted sum of neighbouring input pixels.
struct Tap {
    first: usize,
    weights: Vec<f32>,
}

/// The middle of a picture, turned for viewing.
pub fn square(picture: &Picture) -> Box<[u8; INPUT]> {
    let side = picture.width.min(picture.height);
    let (left, top) = ((picture.width - side) / 2, (picture.height - side) / 2);
    let taps = taps(side);
    let pixel = picture.layout.pixel_bytes();

    let mut line = Vec::with_capacity(side);
    let mut narrow = Vec::with_capacity(side * SIDE);
    let rows = picture.bytes.chunks_exact(picture.width * pixel);
    for row in rows.skip(top).take(side) {
        line.clear();
        line.extend(
            row.chunks_exact(pixel)
                .skip(left)
                .take(side)
                .map(|samples| rgb(samples, picture.layout)),
        );
        narrow.extend(taps.iter().map(|tap| {
            let mut sum = [0.0; 3];
            for (pixel, weight) in line.iter().skip(tap.first).zip(&tap.weights) {
                add(&mut sum, pixel, *weight);
            }
            sum.map(round)
        }));
    }

    let mut small = Vec::with_capacity(INPUT);
    for tap in &taps {
        let mut sums = [[0.0; 3]; SIDE];
        let rows = narrow.chunks_exact(SIDE).skip(tap.first);
        for (row, weight) in rows.zip(&tap.weights) {
            for (sum, pixel) in sums.iter_mut().zip(row) {
                add(sum, pixel, *weight);
            }
        }
        small.extend(sums.as_flattened().iter().copied().map(round));
    }
    turn(small, picture)
}

fn add(sum: &mut [f32; 3], pixel: &Rgb, weight: f32) {
    for (sum, value) in sum.iter_mut().zip(pixel) {
        *sum += weight * f32::from(*value);
    }
}

fn round(value: f32) -> u8 {
    (value + 0.5) as u8
}

/// The filter from `side` pixels to those of the network.
fn taps(side: usize) -> Vec<Tap> {
    let step = side as f32 / SIDE as f32;
    let radius = step.max(1.0);
    (0..SIDE)
        .map(|index| {
            let centre = (index as f32 + 0.5) * step;
            let first = (centre - radius + 0.5).max(0.0) as usize;
            let last = ((centre + radius + 0.5) as usize).min(side);
            let weight = |at| (1.0 - ((at as f32 + 0.5 - centre) / radius).abs()).max(0.0);
            let total: f32 = (first..last).map(weight).sum();
            let weights = (first..last).map(|at| weight(at) / total).collect();
            Tap { first, weights }
        })
        .collect()
}

/// The colour of a pixel on a white page.
fn rgb(samples: &[u8], layout: Layout) -> Rgb {
    let sample = |index: usize| {
        if layout.wide {
            let sample = samples.get(2 * index..).and_then(<[u8]>::first_chunk);
            (sample.map_or(0, |bytes| u16::from_ne_bytes(*bytes)) >> 8) as u8
        } else {
            samples.get(index).copied().unwrap_or_default()
        }
    };
    let scale = |value: u8, by: u8| ((u16::from(value) * u16::from(by) + 127) / 255) as u8;
    let on_white = |value: u8, alpha: u8| scale(value, alpha) + (255 - alpha);
    match layout.channels {
        Channels::Grey => [sample(0); 3],
        Channels::GreyAlpha => [on_white(sample(0), sample(1)); 3],
        Channels::Rgb => [sample(0), sample(1), sample(2)],
        Channels::Rgba => [0, 1, 2].map(|index| on_white(sample(index), sample(3))),
        Channels::Cmyk => [0, 1, 2].map(|index| scale(255 - sample(index), 255 - sample(3))),
    }
}

fn turn(small: Vec<u8>, picture: &Picture) -> Box<[u8; INPUT]> {
    let side = SIDE as u32;
    let turned = RgbImage::from_raw(side, side, small).map(|small| {
        let mut small = DynamicImage::ImageRgb8(small);
        small.apply_orientation(picture.orientation);
        small.into_rgb8().into_raw().into_boxed_slice()
    });
    turned
        .and_then(|pixels| pixels.try_into().ok())
        .unwrap_or_else(|| Box::new([0; INPUT]))
}
