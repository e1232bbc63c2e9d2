//! The shapes of the layers, for the network and for the build script that packs their
//! weights.
#![allow(dead_code, reason = "each of the two leaves some of it out")]

/// Channels that are handled together.
pub const LANES: usize = 8;

/// Width and height of the image that the network sees.
pub const SIDE: usize = 224;
/// The number of classes that the network can tell apart.
pub const CLASSES: usize = 1000;

pub const STEM_OUTPUTS: usize = 32;
pub const STEM_KERNEL: usize = 3;
pub const STEM_STRIDE: usize = 2;
/// 3 x 3 x 3 weights, padded to whole panels.
pub const STEM_INPUTS: usize = 32;
pub const HEAD_OUTPUTS: usize = 1280;

/// The representation of 6 in an activation between 0 and 6. More bits here are fewer for the
/// weights, since the sum of their products has 32.
pub const SIX: i16 = 6 * 1024;
/// The representation of 6 in a mean over all pixels.
pub const SIX_IN_MEAN: i16 = 4 * SIX;
/// The number that is subtracted from a pixel's colour, before the division by
/// [`COLOUR_RANGE`].
pub const COLOUR_MEAN: i16 = 127;
pub const COLOUR_RANGE: i16 = 128;

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
pub struct Block {
    pub kernel: usize,
    pub stride: usize,
    pub inputs: usize,
    pub wide: usize,
    pub outputs: usize,
    /// Width and height before and after.
    pub size: usize,
    pub after: usize,
}

impl Block {
    /// Whether the block widens its channels. The first one gets them wide.
    pub fn expands(&self) -> bool {
        self.wide > self.inputs
    }

    /// Whether its result is added to its input.
    pub fn is_residual(&self) -> bool {
        self.stride == 1 && self.inputs == self.outputs
    }
}

/// The blocks in order, with the shapes that follow from the stages.
pub fn blocks() -> impl Iterator<Item = Block> {
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
