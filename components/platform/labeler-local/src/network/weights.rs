//! The weights, as the build script packs them.
#![allow(clippy::indexing_slicing)]

use super::lanes::Bytes;
use super::layers::LANES;

static PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/lite0.i16"));

/// Reads the layers in order.
pub struct Weights {
    rest: &'static [u8],
}

/// The weights of one layer.
pub struct Layer {
    /// Weights of each output channel, two by two.
    pub pairs: usize,
    packed: &'static [u8],
}

/// The parameters of eight output channels.
#[derive(Clone, Copy)]
pub struct Panel {
    pub finish: Factors,
    /// Where the sum of products begins.
    pub bias: &'static Bytes,
    /// For each two inputs the weights of the eight channels.
    pub weights: &'static [Bytes],
}

/// The factors of a sum of products, and of the activation that is added to it.
#[derive(Clone, Copy)]
pub struct Factors {
    pub sum: &'static Bytes,
    pub added: &'static Bytes,
}

impl Weights {
    /// At the first layer.
    pub fn new() -> Self {
        Self { rest: PACKED }
    }

    /// The next layer, of `outputs` channels with as many pairs of weights each.
    pub fn layer(&mut self, pairs: usize, outputs: usize) -> Layer {
        let (packed, rest) = self
            .rest
            .split_at(outputs / LANES * (HEAD + pairs) * size_of::<Bytes>());
        self.rest = rest;
        Layer { pairs, packed }
    }

    /// Whether all layers have been read.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }
}

/// The vectors of a panel before its weights: the biases and the two kinds of factors.
const HEAD: usize = 3;

impl Layer {
    /// Eight output channels after the other.
    pub fn panels(&self) -> impl Iterator<Item = Panel> + use<> {
        let panels = self.packed.as_chunks().0.chunks_exact(HEAD + self.pairs);
        panels.map(|panel| Panel {
            bias: &panel[0],
            finish: Factors {
                sum: &panel[1],
                added: &panel[2],
            },
            weights: &panel[HEAD..],
        })
    }
}
