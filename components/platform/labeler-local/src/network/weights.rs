//! The packed weights, as `scripts/convert_model.py` lays them out.
#![allow(clippy::indexing_slicing)]

use super::lanes::{Halves, LANES, Pixel};

static PACKED: &[u8] = include_bytes!("../../model/lite0.f16");

/// Bytes of a panel's biases.
const BIASES: usize = LANES * size_of::<f32>();

/// Reads the layers in order.
pub struct Weights {
    rest: &'static [u8],
}

/// The weights of one layer.
pub struct Layer<'a> {
    /// Weights of each output channel.
    pub inputs: usize,
    packed: &'a [u8],
}

/// What eight output channels need.
pub struct Panel<'a> {
    pub bias: Pixel,
    /// For each input the weights of the eight channels.
    pub halves: &'a [Halves],
}

impl Weights {
    /// At the first layer.
    pub fn new() -> Self {
        Self { rest: PACKED }
    }

    /// The next layer, of `outputs` channels with `inputs` weights each.
    pub fn layer(&mut self, inputs: usize, outputs: usize) -> Layer<'static> {
        let (packed, rest) = self.rest.split_at(outputs / LANES * panel_bytes(inputs));
        self.rest = rest;
        Layer { inputs, packed }
    }

    /// Whether all layers have been read.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }
}

impl<'a> Layer<'a> {
    /// Eight output channels after the other.
    pub fn panels(&self) -> impl Iterator<Item = Panel<'a>> + use<'a> {
        self.packed
            .chunks_exact(panel_bytes(self.inputs))
            .map(|panel| {
                let (biases, halves) = panel.split_at(BIASES);
                let mut bias = Pixel::default();
                for (value, bytes) in bias.0.iter_mut().zip(biases.as_chunks().0) {
                    *value = f32::from_le_bytes(*bytes);
                }
                Panel {
                    bias,
                    halves: halves.as_chunks().0,
                }
            })
    }
}

const fn panel_bytes(inputs: usize) -> usize {
    BIASES + inputs * size_of::<Halves>()
}
