//! The worst files of each type: small, or as large as uploads may be, and as slow to
//! decode as their type allows.

use std::iter::repeat_n;

/// The maximum size of an upload, by default.
pub const MAX_FILE: usize = 15 << 20;

/// A file that must be refused or decoded soon, with its fault.
pub struct Worst {
    pub name: &'static str,
    pub fate: Fate,
    pub bytes: Vec<u8>,
}

/// The outcome for a file.
#[derive(Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is decoded: it costs no more than a large photo.
    Decoded,
    /// It has no pixels, or some are missing.
    Invalid,
    /// It would cost too much.
    TooLarge,
}

use Fate::{Decoded, Invalid, TooLarge};

/// All of them.
pub fn all() -> Vec<Worst> {
    let file = |name, fate, bytes| Worst { name, fate, bytes };
    vec![
        file("jpeg-scans", TooLarge, progressive(4000, 3600, 40_000)),
        file("jpeg-scans-small", TooLarge, progressive(8, 8, 40_000)),
        file(
            "jpeg-scans-affordable",
            Decoded,
            progressive(4000, 3600, 13),
        ),
        file("jpeg-scans-of-one-band", Decoded, bands(60)),
        file("jpeg-scans-sequential", TooLarge, sequential_scans()),
        file(
            "jpeg-empty-intervals",
            TooLarge,
            empty_intervals(9900, 10_000, 8),
        ),
        file(
            "jpeg-empty-intervals-affordable",
            Decoded,
            empty_intervals(6300, 6300, 8),
        ),
        file(
            "jpeg-empty-intervals-slow",
            Invalid,
            empty_intervals(6300, 6300, 16),
        ),
        file(
            "jpeg-empty-intervals-undeclared",
            Invalid,
            undeclared_interval(),
        ),
        file("jpeg-empty-scan", Invalid, empty_scan(14_000, 14_000)),
        file("jpeg-tables", TooLarge, tables()),
        file("jpeg-comments", TooLarge, segments(0xfe, b"")),
        file(
            "jpeg-profiles",
            TooLarge,
            segments(0xe2, b"ICC_PROFILE\0\x01\x01x"),
        ),
        file(
            "jpeg-fill",
            Invalid,
            [&[0xff, 0xd8][..], &vec![0xff; MAX_FILE]].concat(),
        ),
        file("png-chunks", Decoded, png_of(&tiny_chunks(b"teSt"))),
        file("png-data-of-one-byte", Invalid, data_of_one_byte()),
        file("png-animation", Decoded, animation_controls()),
        file("png-profile", Decoded, png_of(&inflating(b"iCCP"))),
        file("png-text", Decoded, png_of(&inflating(b"zTXt"))),
        file(
            "png-tall",
            TooLarge,
            png(1, 70_000, 0, 0, &zlib(zeros(140_000))),
        ),
        file(
            "png-tall-enough",
            Decoded,
            png(1, 65_535, 0, 1, &zlib(zeros(300_000))),
        ),
        file(
            "png-interlaced",
            Decoded,
            png(9200, 9200, 0, 1, &zlib(zeros(100_000_000))),
        ),
        file(
            "png-paeth",
            Decoded,
            png(3300, 3300, 6, 0, &zlib(paeth(3300, 3300 * 8))),
        ),
        file(
            "png-after-the-pixels",
            Decoded,
            png(4, 4, 2, 0, &zlib(zeros(1 << 26))),
        ),
        file("png-blocks", TooLarge, png_of_blocks(&block(), MAX_FILE)),
        file(
            "png-blocks-of-pairs",
            TooLarge,
            png_of_blocks(&block_of_pairs(), MAX_FILE),
        ),
        file(
            "png-blocks-affordable",
            Decoded,
            png_of_blocks(&block_of_pairs(), 65_000 * 109 / 8),
        ),
        file("webp-lossless", Decoded, lossless(3600, 3600, 0, 1)),
        file("webp-groups-simple", Decoded, lossless(64, 64, 0, 65_536)),
        file("webp-lossy", Decoded, lossy()),
        file("webp-chunks", Invalid, webp_chunks()),
        file("webp-exif", Decoded, exif_of_gigabytes()),
    ]
}

fn zeros(count: usize) -> impl Iterator<Item = u8> {
    repeat_n(0, count)
}

/// Bytes that do not compress.
fn noise() -> impl Iterator<Item = u8> {
    let mut state = 1_u32;
    std::iter::repeat_with(move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    })
}

// JPEG

fn segment(marker: u8, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len() + 2).unwrap().to_be_bytes();
    [&[0xff, marker][..], &length, data].concat()
}

/// A Huffman table of one symbol, whose code is so many zero bits.
fn table(class_and_id: u8, length: usize, symbol: u8) -> Vec<u8> {
    let mut table = vec![0; 18];
    table[0] = class_and_id;
    table[length] = 1;
    table[17] = symbol;
    table
}

/// Everything up to the first scan of a grey JPEG.
fn head(frame: u8, width: u16, height: u16, tables: [Vec<u8>; 2]) -> Vec<u8> {
    let ([y1, y2], [x1, x2]) = (height.to_be_bytes(), width.to_be_bytes());
    let quantization: Vec<u8> = [0].into_iter().chain(repeat_n(1, 64)).collect();
    [
        vec![0xff, 0xd8],
        segment(0xdb, &quantization),
        segment(frame, &[8, y1, y2, x1, x2, 1, 1, 0x11, 0]),
        segment(0xc4, &tables.concat()),
    ]
    .concat()
}

fn scan_header(first: u8, last: u8, bits: u8) -> Vec<u8> {
    segment(0xda, &[1, 1, 0, first, last, bits])
}

fn blocks(width: u16, height: u16) -> usize {
    usize::from(width).div_ceil(8) * usize::from(height).div_ceil(8)
}

/// A progressive JPEG whose scans, after the first one, each hold only empty runs of
/// 32,767 blocks.
pub fn progressive(width: u16, height: u16, scans: usize) -> Vec<u8> {
    let blocks = blocks(width, height);
    let mut runs = Bits::default();
    let mut left = blocks;
    while left > 0 {
        let run = left.clamp(0x4000, 0x7fff);
        runs.first_bit_first(run as u64 & 0x3fff, 15);
        left -= run.min(left);
    }
    let mut file = head(0xc2, width, height, [table(0, 1, 0), table(0x10, 1, 0xe0)]);
    file.extend(scan_header(0, 0, 0));
    file.extend(zeros(blocks.div_ceil(8)));
    let scan = [scan_header(1, 63, 0), runs.stuffed()].concat();
    file.extend(repeat_n(scan, scans).flatten());
    file.extend([0xff, 0xd9]);
    file
}

/// A large progressive JPEG whose scans are each of one coefficient.
fn bands(scans: usize) -> Vec<u8> {
    let (width, height) = (6800, 6700);
    let mut file = head(0xc2, width, height, [table(0, 1, 0), table(0x10, 1, 0xe0)]);
    let dc = zeros(blocks(width, height).div_ceil(8));
    file.extend(scan_header(0, 0, 0).into_iter().chain(dc));
    let mut scan = scan_header(1, 1, 0);
    // Runs of 16,384 blocks: a zero bit and 14 more.
    scan.extend(zeros(blocks(width, height).div_ceil(0x4000) * 2));
    file.extend(repeat_n(scan, scans - 1).flatten());
    file.extend([0xff, 0xd9]);
    file
}

/// A sequential JPEG that has its only component in many scans.
fn sequential_scans() -> Vec<u8> {
    let mut file = head(0xc0, 4000, 3600, [table(0, 1, 0), table(0x10, 1, 0)]);
    let scan = [scan_header(0, 63, 0), vec![0; blocks(4000, 3600) / 4 + 1]].concat();
    file.extend(repeat_n(scan, 130).flatten());
    file.extend([0xff, 0xd9]);
    file
}

/// A sequential JPEG whose intervals between restart markers are empty: a decoder that
/// fills in zeros decodes the slowest symbol in each place.
fn empty_intervals(width: u16, height: u16, length: usize) -> Vec<u8> {
    let mut file = head(
        0xc0,
        width,
        height,
        [table(0, length, 11), table(0x10, length, 10)],
    );
    file.extend(segment(0xdd, &u16::MAX.to_be_bytes()));
    file.extend(scan_header(0, 63, 0));
    let intervals = blocks(width, height).div_ceil(usize::from(u16::MAX));
    file.extend((0..intervals).flat_map(|interval| [0xff, 0xd0 + (interval % 8) as u8]));
    file.extend([0xff, 0xd9]);
    file
}

/// The same without a declared interval: the first marker ends the data.
fn undeclared_interval() -> Vec<u8> {
    let mut file = empty_scan(14_000, 14_000);
    let end = file.len() - 2;
    file.splice(end..end, [0xff, 0xd0]);
    file
}

/// A sequential JPEG whose only scan has no data.
fn empty_scan(width: u16, height: u16) -> Vec<u8> {
    let mut file = head(0xc0, width, height, [table(0, 8, 11), table(0x10, 8, 10)]);
    file.extend(scan_header(0, 63, 0));
    file.extend([0xff, 0xd9]);
    file
}

fn tables() -> Vec<u8> {
    let tables = table(0x10, 1, 0).repeat(3600);
    let mut file = vec![0xff, 0xd8];
    while file.len() < MAX_FILE {
        file.extend(segment(0xc4, &tables));
    }
    file
}

fn segments(marker: u8, data: &[u8]) -> Vec<u8> {
    let segment = segment(marker, data);
    [&[0xff, 0xd8][..], &segment.repeat(MAX_FILE / segment.len())].concat()
}

// PNG

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut chunk = u32::try_from(data.len()).unwrap().to_be_bytes().to_vec();
    chunk.extend(kind);
    chunk.extend(data);
    chunk.extend(crc32fast::hash(&chunk[4..]).to_be_bytes());
    chunk
}

/// The header of an image of eight bits a sample, or sixteen where there is
/// opacity.
fn ihdr(width: u32, height: u32, color: u8, interlaced: u8) -> Vec<u8> {
    let depth = if color == 6 { 16 } else { 8 };
    let rest = [depth, color, 0, 0, interlaced];
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &rest].concat();
    [SIGNATURE, &chunk(b"IHDR", &header)].concat()
}

fn png(width: u32, height: u32, color: u8, interlaced: u8, data: &[u8]) -> Vec<u8> {
    [
        ihdr(width, height, color, interlaced),
        chunk(b"IDAT", data),
        chunk(b"IEND", b""),
    ]
    .concat()
}

/// An image of one pixel after these chunks.
fn png_of(chunks: &[u8]) -> Vec<u8> {
    let pixel = chunk(b"IDAT", &zlib(zeros(2)));
    [
        ihdr(1, 1, 0, 0),
        chunks.to_vec(),
        pixel,
        chunk(b"IEND", b""),
    ]
    .concat()
}

fn zlib(data: impl IntoIterator<Item = u8>) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    let mut data = data.into_iter();
    loop {
        let some: Vec<u8> = data.by_ref().take(1 << 16).collect();
        if some.is_empty() {
            return encoder.finish().unwrap();
        }
        encoder.write_all(&some).unwrap();
    }
}

/// A large image of noise whose rows are a flush each, in data of 1,000 bytes.
pub fn flushed(level: flate2::Compression) -> Vec<u8> {
    use std::io::Write;
    let (width, height) = (1000, 900);
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), level);
    let mut noise = noise();
    for _ in 0..height {
        let row: Vec<u8> = [0]
            .into_iter()
            .chain(noise.by_ref().take(3 * width))
            .collect();
        encoder.write_all(&row).unwrap();
        encoder.flush().unwrap();
    }
    let data = encoder.finish().unwrap();
    let chunks = data.chunks(1000).flat_map(|data| chunk(b"IDAT", data));
    ihdr(width as u32, height, 2, 0)
        .into_iter()
        .chain(chunks)
        .collect()
}

fn tiny_chunks(kind: &[u8; 4]) -> Vec<u8> {
    chunk(kind, b"").repeat(MAX_FILE / 12)
}

fn data_of_one_byte() -> Vec<u8> {
    let data = zlib(noise().take(MAX_FILE / 13));
    let chunks = data
        .iter()
        .take(MAX_FILE / 13)
        .flat_map(|byte| chunk(b"IDAT", &[*byte]));
    ihdr(9000, 9000, 0, 0).into_iter().chain(chunks).collect()
}

fn animation_controls() -> Vec<u8> {
    let count = u32::try_from(MAX_FILE / 38).unwrap();
    let mut chunks = chunk(b"acTL", &[count.to_be_bytes(), [0; 4]].concat());
    for number in 0..count {
        let sides = [number.to_be_bytes(), [0, 0, 0, 1], [0, 0, 0, 1]];
        chunks.extend(chunk(b"fcTL", &[sides.as_flattened(), &[0; 14]].concat()));
    }
    png_of(&chunks)
}

/// Chunks that inflate to a thousand times their size.
fn inflating(kind: &[u8; 4]) -> Vec<u8> {
    let data = [&b"name\0\0"[..], &zlib(zeros(4 << 20))].concat();
    chunk(kind, &data).repeat(MAX_FILE / data.len() - 1)
}

/// Rows with the slowest filter.
fn paeth(rows: usize, row: usize) -> impl Iterator<Item = u8> {
    (0..rows).flat_map(move |at| [4].into_iter().chain((0..row).map(move |x| (x ^ at) as u8)))
}

/// An image whose pixels come after `size` bytes of these deflate blocks.
fn png_of_blocks(block: &Bits, size: usize) -> Vec<u8> {
    let blocks = block.eight_times();
    let mut data = vec![0x78, 0x01];
    data.extend(blocks.repeat(size / blocks.len()));
    data.extend(&zlib(zeros(9900))[2..]);
    png(99, 99, 0, 0, &data)
}

/// The shortest deflate block with Huffman codes of its own. It holds nothing.
fn block() -> Bits {
    let mut bits = Bits::default();
    // Not the last block; 257 codes of literals and lengths, 1 of distances, and 18 of
    // their lengths: only the third (for 18) and the last (for 1) have one bit.
    bits.last_bit_first(0b100, 3);
    bits.last_bit_first(14 << 10, 14);
    bits.last_bit_first(1 << 6 | 1 << 51, 54);
    // 255 symbols without a code, then three codes of one bit.
    bits.last_bit_first(1 | 127 << 1, 8);
    bits.last_bit_first(1 | 106 << 1, 8);
    bits.last_bit_first(0, 3);
    // The end of the block.
    bits.last_bit_first(1, 1);
    bits
}

/// A block that holds nothing. It has codes of six bits, for 63 literals: a decoder that
/// looks up two literals at once enters all pairs in its table.
fn block_of_pairs() -> Bits {
    let mut bits = Bits::default();
    // Not the last block; 257 codes of literals and lengths, 11 of distances, and 8 of
    // their lengths: the first (for 16) has one bit, the third (for 18) and the last
    // (for 6) have two.
    bits.last_bit_first(0b100, 3);
    bits.last_bit_first(10 << 5 | 4 << 10, 14);
    bits.last_bit_first(1 | 2 << 6 | 2 << 21, 24);
    // 193 symbols without a code.
    bits.last_bit_first(0b11 | 127 << 2, 9);
    bits.last_bit_first(0b11 | 44 << 2, 9);
    // 64 of six bits: one, and eleven repetitions of it.
    bits.last_bit_first(0b01, 2);
    for repeated in [6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 3] {
        bits.last_bit_first((repeated - 3) << 1, 3);
    }
    // No distances.
    bits.last_bit_first(0b11, 9);
    // The end of the block.
    bits.last_bit_first(0b11_1111, 6);
    bits
}

// WebP

fn riff(chunks: &[u8]) -> Vec<u8> {
    let size = u32::try_from(chunks.len() + 4).unwrap();
    [b"RIFF", &size.to_le_bytes()[..], b"WEBP", chunks].concat()
}

fn riff_chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let size = u32::try_from(data.len()).unwrap();
    let mut chunk = [kind, &size.to_le_bytes()[..], data].concat();
    chunk.extend(zeros(data.len() % 2));
    chunk
}

/// The first chunk of a file that has others than pixels.
fn extended(flags: u8, side: u32) -> Vec<u8> {
    let [a, b, c, _] = (side - 1).to_le_bytes();
    riff_chunk(b"VP8X", &[flags, 0, 0, 0, a, b, c, a, b, c])
}

/// A lossless image with this many groups of Huffman codes. Each group takes a few bytes
/// in the file, and none or 20 KiB in memory.
pub fn lossless(width: u64, height: u64, heavy: u8, groups: u64) -> Vec<u8> {
    let mut bits = Bits::default();
    bits.last_bit_first(0x2f, 8);
    bits.last_bit_first((width - 1) | (height - 1) << 14, 32);
    if groups > 1 {
        // No transforms, no cache, and an image of groups in blocks of 2^9 pixels.
        bits.last_bit_first(0b11_1100, 6);
        // Its codes: one symbol each.
        bits.last_bit_first(0, 1);
        for symbol in [(groups - 1) & 0xff, (groups - 1) >> 8, 0, 0, 0] {
            bits.last_bit_first(0b101 | symbol << 3, 11);
        }
    } else {
        // The slowest transforms: predicted colours in blocks of 4 pixels.
        for (transform, mode) in [(0, 11), (1, 0)] {
            bits.last_bit_first(1 | transform << 1, 6);
            bits.last_bit_first(0, 1);
            for symbol in [mode, 3, 7, 0, 0] {
                bits.last_bit_first(0b101 | symbol << 3, 11);
            }
        }
        // No more of them, no cache, no groups.
        bits.last_bit_first(0, 3);
    }
    for _ in 0..5 * groups {
        if heavy == 0 {
            bits.last_bit_first(0b101 | 1 << 3, 11);
            continue;
        }
        // Codes of 1 to 10 bits for eleven symbols. The lengths of these codes
        // have codes themselves: six of three bits and four of four.
        bits.last_bit_first(10 << 1, 5);
        for symbol in [17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10] {
            let length = match symbol {
                1..=6 => 3,
                7..=10 => 4,
                _ => 0,
            };
            bits.last_bit_first(length, 3);
        }
        bits.last_bit_first(1 | 1 << 1, 4);
        bits.last_bit_first(11 - 2, 4);
        for length in [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10_u64] {
            match length {
                1..=6 => bits.first_bit_first(length - 1, 3),
                _ => bits.first_bit_first(12 + length - 7, 4),
            }
        }
    }
    bits.bytes.extend(zeros(16));
    riff(&riff_chunk(b"VP8L", &bits.bytes))
}

/// A lossy image with the maximum number of pixels and as much noise as fits: nearly
/// every place has a coefficient.
fn lossy() -> Vec<u8> {
    let (side, first) = (3660_u16, 400_000_u32);
    let [a, b, c, _] = (first << 5 | 1 << 4).to_le_bytes();
    let mut data = vec![a, b, c, 0x9d, 0x01, 0x2a];
    data.extend([side.to_le_bytes(), side.to_le_bytes()].as_flattened());
    // Bits of even odds that are zero: no segments, no partitions.
    data.extend(zeros(20));
    data.extend(noise().take(MAX_FILE - 60));
    riff(&riff_chunk(b"VP8 ", &data))
}

fn webp_chunks() -> Vec<u8> {
    let chunks = riff_chunk(b"none", b"").repeat((MAX_FILE - 100) / 8);
    riff(&[extended(0, 1), chunks].concat())
}

/// A whole image that announces four gigabytes of metadata.
pub fn exif_of_gigabytes() -> Vec<u8> {
    let image = lossless(1, 1, 0, 1);
    riff(&[&extended(8, 1), &image[12..], b"EXIF\xff\xff\xff\xff"].concat())
}

// Bits

#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    count: usize,
}

impl Bits {
    /// As deflate and WebP have them: the lowest bit of a byte first.
    fn last_bit_first(&mut self, value: u64, count: usize) {
        for bit in 0..count {
            self.push(value >> bit & 1, self.count % 8);
        }
    }

    /// Whole bytes: eight repetitions.
    fn eight_times(&self) -> Vec<u8> {
        let bit = |at: usize| u64::from(self.bytes[at / 8] >> (at % 8) & 1);
        let mut bits = Self::default();
        for at in 0..8 * self.count {
            bits.last_bit_first(bit(at % self.count), 1);
        }
        bits.bytes
    }

    /// As Huffman codes have them, and JPEG everything: see [`Self::stuffed`].
    fn first_bit_first(&mut self, value: u64, count: usize) {
        for bit in (0..count).rev() {
            self.push(value >> bit & 1, self.count % 8);
        }
    }

    fn push(&mut self, bit: u64, place: usize) {
        if place == 0 {
            self.bytes.push(0);
        }
        *self.bytes.last_mut().unwrap() |= (bit as u8) << place;
        self.count += 1;
    }

    /// As the data of a JPEG's scan: the highest bit of a byte first, ones at the
    /// end, and a zero byte after each of ones.
    fn stuffed(mut self) -> Vec<u8> {
        while !self.count.is_multiple_of(8) {
            self.push(1, self.count % 8);
        }
        let bytes = self.bytes.into_iter().map(u8::reverse_bits);
        bytes
            .flat_map(|byte| [byte].into_iter().chain((byte == 0xff).then_some(0)))
            .collect()
    }
}
