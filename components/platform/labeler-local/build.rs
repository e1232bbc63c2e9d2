//! Packs the published weights as whole numbers of 16 bits, which multiply twice as fast
//! as floats.
//!
//! An activation is a whole number of units. Between 0 and 6, a unit is the same for all
//! channels; the narrow activations between blocks have one a channel, so large that no
//! image goes beyond 16 bits. Likewise the weights of an output are so small that no image
//! makes the sum of products go beyond 32 bits. Both follow from the weights alone.
#![allow(clippy::indexing_slicing)]

use std::{env, fs, path::Path};

use sha2::{Digest, Sha256};

#[path = "src/network/layers.rs"]
mod layers;

use layers::{
    Block, CLASSES, COLOUR_MEAN, COLOUR_RANGE, HEAD_OUTPUTS, LANES, SIX, SIX_IN_MEAN, STEM_INPUTS,
    STEM_OUTPUTS, blocks,
};

const WEIGHTS: &str = "model/lite0.f16";
const DIGEST: &str = "model/lite0.f16.sha256";

/// The minimum of a sum when it is rounded, in units of the result. A sum above 2^22 or below
/// -2^22 is not rounded well, but clamped.
const MIN_SUM: f64 = -12_582_911.0;

/// The representation of the largest value of a narrow activation.
const NARROW: i16 = 32_000;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/network/layers.rs");
    println!("cargo::rerun-if-changed={WEIGHTS}");
    println!("cargo::rerun-if-changed={DIGEST}");
    match weights() {
        Ok(weights) => {
            let packed = Packer::new(&weights).network().and_then(write);
            if let Err(problem) = packed {
                println!("cargo::error=labeler-local: {problem}");
            }
        }
        Err(problem) => {
            println!("cargo::error=labeler-local: {problem}: run scripts/fetch-model");
        }
    }
}

/// The weights, checked to be of the version that this source needs.
fn weights() -> Result<Vec<u8>, String> {
    let expected = fs::read_to_string(DIGEST).map_err(|error| format!("{DIGEST}: {error}"))?;
    let weights =
        fs::read(Path::new(WEIGHTS)).map_err(|_| format!("{WEIGHTS} is not there yet"))?;
    let digest: String = Sha256::digest(&weights)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    if expected.split_whitespace().next() == Some(digest.as_str()) {
        Ok(weights)
    } else {
        Err(format!("{WEIGHTS} is of another version"))
    }
}

fn write(packed: Vec<u8>) -> Result<(), String> {
    let folder = env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?;
    let file = Path::new(&folder).join("lite0.i16");
    fs::write(&file, packed).map_err(|error| format!("{}: {error}", file.display()))
}

/// The values that an activation of a channel may have, and its unit.
#[derive(Clone, Copy)]
struct Range {
    low: f64,
    high: f64,
    unit: f64,
}

/// Where the sums of a layer go.
enum Finish<'a> {
    /// They are clamped to 0 and 6.
    Relu6,
    /// They are stored as they are.
    Plain,
    /// They are added to these.
    Add(&'a [Range]),
    /// They become floats.
    Logits,
}

/// The weights of an output channel.
struct Row {
    bias: f64,
    weights: Vec<f64>,
}

/// Reads weights as `scripts/convert_model.py` lays them out, and writes them as the
/// kernels read them.
///
/// The output is one run of panels, layer after layer. A panel has the parameters of eight
/// output channels, all little-endian: eight biases (i32) in the unit of the sum; eight
/// factors (f32) from there to the unit of the result; eight factors (f32) from the unit of
/// the added activation; then for each two inputs the two weights (i16) of each channel.
struct Packer<'a> {
    rest: &'a [u8],
    packed: Vec<u8>,
}

impl<'a> Packer<'a> {
    fn new(weights: &'a [u8]) -> Self {
        Self {
            rest: weights,
            packed: Vec::new(),
        }
    }

    fn network(mut self) -> Result<Vec<u8>, String> {
        let colour = Range {
            low: f64::from(-COLOUR_MEAN) / f64::from(COLOUR_RANGE),
            high: f64::from(255 - COLOUR_MEAN) / f64::from(COLOUR_RANGE),
            unit: 1.0 / f64::from(COLOUR_RANGE),
        };
        let stem = self.read(STEM_INPUTS, STEM_OUTPUTS);
        let mut narrow = self.write(&stem, &[colour; STEM_INPUTS], &Finish::Relu6)?;
        for block in blocks() {
            narrow = self.block(&block, &narrow)?;
        }
        let head = self.read(narrow.len(), HEAD_OUTPUTS);
        self.write(&head, &narrow, &Finish::Relu6)?;
        let classes = self.read(HEAD_OUTPUTS, CLASSES);
        self.write(&classes, &[six(SIX_IN_MEAN); HEAD_OUTPUTS], &Finish::Logits)?;
        Ok(self.packed)
    }

    fn block(&mut self, block: &Block, narrow: &[Range]) -> Result<Vec<Range>, String> {
        if block.expands() {
            let expand = self.read(block.inputs, block.wide);
            self.write(&expand, narrow, &Finish::Relu6)?;
        }
        let mut filter = self.read(block.kernel * block.kernel, block.wide);
        for row in &mut filter {
            // The taps of a row come in pairs too.
            let taps = row.weights.chunks(block.kernel);
            row.weights = taps.flat_map(|taps| [taps, &[0.0]].concat()).collect();
        }
        let taps = block.kernel * (block.kernel + 1);
        self.write(&filter, &vec![six(SIX); taps], &Finish::Relu6)?;
        let project = self.read(block.wide, block.outputs);
        let finish = if block.is_residual() {
            Finish::Add(narrow)
        } else {
            Finish::Plain
        };
        self.write(&project, &vec![six(SIX); block.wide], &finish)
    }

    /// The next layer, of `outputs` channels with `inputs` weights each.
    fn read(&mut self, inputs: usize, outputs: usize) -> Vec<Row> {
        let mut rows = Vec::with_capacity(outputs);
        for _ in 0..outputs / LANES {
            let (biases, rest) = self.rest.split_at(LANES * size_of::<f32>());
            let (halves, rest) = rest.split_at(inputs * LANES * size_of::<u16>());
            self.rest = rest;
            let (biases, halves) = (biases.as_chunks().0, halves.as_chunks().0);
            rows.extend((0..LANES).map(|lane| Row {
                bias: f32::from_le_bytes(biases[lane]).into(),
                weights: halves.iter().skip(lane).step_by(LANES).map(half).collect(),
            }));
        }
        rows
    }

    /// Writes a layer for inputs of these ranges; returns the ranges of its outputs.
    fn write(
        &mut self,
        rows: &[Row],
        inputs: &[Range],
        finish: &Finish<'_>,
    ) -> Result<Vec<Range>, String> {
        let mut outputs = Vec::with_capacity(rows.len());
        for (nth, panel) in rows.chunks(LANES).enumerate() {
            let (mut biases, mut factors, mut carried) = (vec![], vec![], vec![]);
            let mut weights = Vec::with_capacity(LANES);
            for (lane, row) in panel.iter().enumerate() {
                let unit = unit(row, inputs);
                let bias = (row.bias / unit).round() as i32;
                let scaled = row.weights.iter().zip(inputs);
                let row: Vec<_> = scaled
                    .map(|(weight, input)| (weight * input.unit / unit).round() as i16)
                    .collect();
                let sum = sum(bias, &row, inputs, unit);
                let (output, carry) = match finish {
                    Finish::Relu6 => (six(SIX), 0.0),
                    Finish::Plain => (narrow(sum.low, sum.high), 0.0),
                    Finish::Add(before) => {
                        let before = before[nth * LANES + lane];
                        let output = narrow(sum.low + before.low, sum.high + before.high);
                        (output, before.unit / output.unit)
                    }
                    Finish::Logits => (Range { unit: 1.0, ..sum }, 0.0),
                };
                let least = sum.low / output.unit;
                if least < MIN_SUM {
                    return Err(format!("a sum may be {least}, too small to be rounded"));
                }
                outputs.push(output);
                biases.extend(bias.to_le_bytes());
                factors.extend(((sum.unit / output.unit) as f32).to_le_bytes());
                carried.extend((carry as f32).to_le_bytes());
                weights.push(row);
            }
            self.packed.extend([biases, factors, carried].concat());
            for pair in (0..inputs.len()).step_by(2) {
                for weights in &weights {
                    for weight in &weights[pair..pair + 2] {
                        self.packed.extend(weight.to_le_bytes());
                    }
                }
            }
        }
        Ok(outputs)
    }
}

/// The smallest unit in which neither the weights nor a sum of products are too large.
fn unit(row: &Row, inputs: &[Range]) -> f64 {
    let (mut bound, mut largest, mut rounded) = (row.bias.abs(), 0.0_f64, 1.0);
    let (mut low, mut high) = (row.bias, row.bias);
    for (weight, input) in row.weights.iter().zip(inputs) {
        let (a, b) = (weight * input.low, weight * input.high);
        low += a.min(b);
        high += a.max(b);
        largest = largest.max((weight * input.unit).abs());
        // The error that rounding the weight may add.
        rounded += input.low.abs().max(input.high) / input.unit / 2.0;
    }
    bound = bound.max(low.abs()).max(high.abs());
    let unit = (bound / (f64::from(i32::MAX) - rounded)).max(largest / f64::from(i16::MAX));
    // A channel that is always 0 has no unit.
    if unit > 0.0 { unit } else { 1.0 }
}

/// The values that a sum of products may have.
fn sum(bias: i32, weights: &[i16], inputs: &[Range], unit: f64) -> Range {
    let mut low = f64::from(bias) * unit;
    let mut high = low;
    for (weight, input) in weights.iter().zip(inputs) {
        let weight = f64::from(*weight) * unit / input.unit;
        let (a, b) = (weight * input.low, weight * input.high);
        low += a.min(b);
        high += a.max(b);
    }
    Range { low, high, unit }
}

/// The range of an activation between 0 and 6.
fn six(units: i16) -> Range {
    Range {
        low: 0.0,
        high: 6.0,
        unit: 6.0 / f64::from(units),
    }
}

/// The range of an activation between blocks, where rounding may add a unit.
fn narrow(low: f64, high: f64) -> Range {
    let bound = low.abs().max(high.abs());
    // A channel that is always 0 has no unit.
    let bound = if bound > 0.0 { bound } else { 1.0 };
    let unit = bound / f64::from(NARROW);
    Range {
        low: low - unit,
        high: high + unit,
        unit,
    }
}

/// The value of a 16-bit float; infinities and NaN do not occur.
fn half(bytes: &[u8; 2]) -> f64 {
    let bits = u16::from_le_bytes(*bytes);
    let fraction = f64::from(bits & 0x3ff) / 1024.0;
    let magnitude = match i32::from(bits >> 10 & 0x1f) {
        0 => fraction * 2_f64.powi(-14),
        exponent => (1.0 + fraction) * 2_f64.powi(exponent - 15),
    };
    if bits >> 15 == 0 {
        magnitude
    } else {
        -magnitude
    }
}
