//! From a picture of any size to the input of the network: the square in its middle,
//! scaled with an antialiasing triangle filter.
//!
//! The model was trained on images that were scaled this way, with rounding to whole
//! numbers between the horizontal and the vertical pass.

use image::{DynamicImage, RgbImage};
use picture::{Area, Picture, scale};

use crate::network::{INPUT, SIDE};

/// The middle of a picture, turned for viewing.
pub fn square(picture: &Picture) -> Box<[u8; INPUT]> {
    let side = picture.width.min(picture.height);
    let middle = Area {
        left: (picture.width - side) / 2,
        top: (picture.height - side) / 2,
        width: side,
        height: side,
    };
    turn(scale(picture, middle, SIDE, SIDE), picture)
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
