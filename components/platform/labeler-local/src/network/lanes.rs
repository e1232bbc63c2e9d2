//! Arithmetic on eight channels at once.
//!
//! In wasm this is simd128, switched on in each function, so that a build without the flag of
//! `.cargo/config.toml` has it, too. Elsewhere it is plain Rust that the compiler vectorizes.
//! Both give the same to the last bit: sums are whole numbers, and each float is rounded
//! after each operation.

use super::layers::{LANES, SIX};

/// One value for each of eight neighbouring channels, as it lies in memory.
#[derive(Clone, Copy, Default, Debug, PartialEq)]
#[repr(align(16))]
pub struct Pixel(pub [i16; LANES]);

/// Two neighbouring pixels, channel by channel.
#[derive(Clone, Copy, Default, Debug, PartialEq)]
#[repr(align(32))]
pub struct Twin(pub [[i16; 2]; LANES]);

/// Eight numbers or pairs of numbers of 32 bits, little-endian.
pub type Bytes = [u8; 4 * LANES];

/// 1.5 * 2^23: a float whose last digit is a whole one. A number of up to 2^22 that is added
/// to it is rounded to a whole number, which is then the difference of their bits. That of a
/// larger one is at least 2^22.
const WHOLE: f32 = 12_582_912.0;

#[cfg(target_arch = "wasm32")]
#[allow(unsafe_code)]
mod imp {
    use core::arch::wasm32::*;

    use super::{Bytes, Pixel, SIX, Twin, WHOLE};

    /// Eight numbers of 32 bits, or eight pairs of 16, in two registers.
    #[derive(Clone, Copy)]
    pub struct Wide(v128, v128);

    /// A pixel in a register.
    #[derive(Clone, Copy)]
    pub struct Narrow(v128);

    impl Narrow {
        /// Reads a pixel.
        #[inline]
        #[target_feature(enable = "simd128")]
        pub fn load(pixel: &Pixel) -> Self {
            let address = (&raw const pixel.0).cast::<v128>();
            // SAFETY: a pixel is one vector long, and any bits are a vector.
            Self(unsafe { v128_load(address) })
        }
    }

    impl Wide {
        /// Reads biases, factors or weights.
        #[inline]
        #[target_feature(enable = "simd128")]
        pub fn load(bytes: &Bytes) -> Self {
            let address = bytes.as_ptr().cast::<v128>();
            // SAFETY: the bytes are two vectors; alignment is not required, and any bits
            // are a vector.
            unsafe { Self(v128_load(address), v128_load(address.add(1))) }
        }

        /// Reads two pixels.
        #[inline]
        #[target_feature(enable = "simd128")]
        pub fn twin(twin: &Twin) -> Self {
            let address = (&raw const twin.0).cast::<v128>();
            // SAFETY: two pixels are two vectors long, and any bits are a vector.
            unsafe { Self(v128_load(address), v128_load(address.add(1))) }
        }

        /// Two channels of a pixel, eight times: 0 for the first two, at most 3.
        #[inline]
        #[target_feature(enable = "simd128")]
        pub fn splat<const PAIR: usize>(pixel: Narrow) -> Self {
            let pair = i32x4_shuffle::<PAIR, PAIR, PAIR, PAIR>(pixel.0, pixel.0);
            Self(pair, pair)
        }

        /// Adds the sum of the two products of each pair.
        #[inline]
        #[target_feature(enable = "simd128")]
        pub fn add_products(self, a: Self, b: Self) -> Self {
            Self(
                i32x4_add(self.0, i32x4_dot_i16x8(a.0, b.0)),
                i32x4_add(self.1, i32x4_dot_i16x8(a.1, b.1)),
            )
        }

        /// Multiplies whole numbers by floats; the results are floats.
        #[inline]
        #[target_feature(enable = "simd128")]
        pub fn scaled(self, factors: Self) -> Self {
            Self(
                f32x4_mul(f32x4_convert_i32x4(self.0), factors.0),
                f32x4_mul(f32x4_convert_i32x4(self.1), factors.1),
            )
        }

        /// The channels of a pixel as whole numbers.
        #[inline]
        #[target_feature(enable = "simd128")]
        pub fn widened(pixel: &Pixel) -> Self {
            let Narrow(pixel) = Narrow::load(pixel);
            Self(
                i32x4_extend_low_i16x8(pixel),
                i32x4_extend_high_i16x8(pixel),
            )
        }

        /// Adds floats.
        #[inline]
        #[target_feature(enable = "simd128")]
        pub fn add_floats(self, other: Self) -> Self {
            Self(f32x4_add(self.0, other.0), f32x4_add(self.1, other.1))
        }

        /// Rounds floats to whole numbers, clamped to 0 and [`SIX`] if `RELU`.
        #[inline]
        #[target_feature(enable = "simd128")]
        pub fn round<const RELU: bool>(self, pixel: &mut Pixel) {
            let bits = i32x4_splat(WHOLE.to_bits() as i32);
            let whole = |floats| i32x4_sub(f32x4_add(floats, f32x4_splat(WHOLE)), bits);
            let mut values = i16x8_narrow_i32x4(whole(self.0), whole(self.1));
            if RELU {
                values = i16x8_min(i16x8_max(values, i16x8_splat(0)), i16x8_splat(SIX));
            }
            let address = (&raw mut pixel.0).cast::<v128>();
            // SAFETY: a pixel is one vector long, and any bits are numbers.
            unsafe { v128_store(address, values) }
        }

        /// Floats as they are.
        #[inline]
        #[target_feature(enable = "simd128")]
        pub fn floats(self) -> [f32; 8] {
            let mut floats = [0.0; 8];
            let address = floats.as_mut_ptr().cast::<v128>();
            // SAFETY: eight floats are two vectors long; alignment is not required.
            unsafe {
                v128_store(address, self.0);
                v128_store(address.add(1), self.1);
            }
            floats
        }
    }

    impl Twin {
        /// Puts two pixels together.
        #[inline]
        #[target_feature(enable = "simd128")]
        pub fn set(&mut self, first: &Pixel, second: &Pixel) {
            let (a, b) = (&raw const first.0, &raw const second.0);
            let address = (&raw mut self.0).cast::<v128>();
            // SAFETY: a pixel is one vector long, two are two; any bits are numbers.
            unsafe {
                let (a, b) = (v128_load(a.cast()), v128_load(b.cast()));
                let low = i16x8_shuffle::<0, 8, 1, 9, 2, 10, 3, 11>(a, b);
                let high = i16x8_shuffle::<4, 12, 5, 13, 6, 14, 7, 15>(a, b);
                v128_store(address, low);
                v128_store(address.add(1), high);
            }
        }
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod imp {
    use core::array::from_fn;

    use super::{Bytes, LANES, Pixel, SIX, Twin, WHOLE};

    /// Eight numbers of 32 bits, or eight pairs of 16.
    #[derive(Clone, Copy)]
    pub struct Wide([u32; LANES]);

    /// A pixel in a register.
    #[derive(Clone, Copy)]
    pub struct Narrow(Pixel);

    impl Narrow {
        /// Reads a pixel.
        #[inline]
        pub fn load(pixel: &Pixel) -> Self {
            Self(*pixel)
        }
    }

    fn pair([a, b]: [i16; 2]) -> u32 {
        u32::from(a as u16) | u32::from(b as u16) << 16
    }

    fn product(a: u32, b: u32) -> i32 {
        let low = i32::from(a as i16) * i32::from(b as i16);
        let high = i32::from((a >> 16) as i16) * i32::from((b >> 16) as i16);
        low.wrapping_add(high)
    }

    impl Wide {
        /// Reads biases, factors or weights.
        #[inline]
        pub fn load(bytes: &Bytes) -> Self {
            let words = bytes.as_chunks().0;
            Self(from_fn(|lane| u32::from_le_bytes(words[lane])))
        }

        /// Reads two pixels.
        #[inline]
        pub fn twin(twin: &Twin) -> Self {
            Self(twin.0.map(pair))
        }

        /// Two channels of a pixel, eight times: 0 for the first two, at most 3.
        #[inline]
        pub fn splat<const PAIR: usize>(Narrow(pixel): Narrow) -> Self {
            Self([pair(pixel.0.as_chunks().0[PAIR]); LANES])
        }

        /// Adds the sum of the two products of each pair.
        #[inline]
        pub fn add_products(self, a: Self, b: Self) -> Self {
            Self(from_fn(|lane| {
                self.0[lane].wrapping_add(product(a.0[lane], b.0[lane]) as u32)
            }))
        }

        /// Multiplies whole numbers by floats; the results are floats.
        #[inline]
        pub fn scaled(self, factors: Self) -> Self {
            Self(from_fn(|lane| {
                (self.0[lane] as i32 as f32 * f32::from_bits(factors.0[lane])).to_bits()
            }))
        }

        /// The channels of a pixel as whole numbers.
        #[inline]
        pub fn widened(pixel: &Pixel) -> Self {
            Self(pixel.0.map(|value| i32::from(value) as u32))
        }

        /// Adds floats.
        #[inline]
        pub fn add_floats(self, other: Self) -> Self {
            Self(from_fn(|lane| {
                (f32::from_bits(self.0[lane]) + f32::from_bits(other.0[lane])).to_bits()
            }))
        }

        /// Rounds floats to whole numbers, clamped to 0 and [`SIX`] if `RELU`.
        #[inline]
        pub fn round<const RELU: bool>(self, pixel: &mut Pixel) {
            let (low, high) = if RELU { (0, SIX) } else { (i16::MIN, i16::MAX) };
            pixel.0 = self.0.map(|bits| {
                let moved = (f32::from_bits(bits) + WHOLE).to_bits();
                let whole = moved.wrapping_sub(WHOLE.to_bits()) as i32;
                whole.clamp(low.into(), high.into()) as i16
            });
        }

        /// Floats as they are.
        #[inline]
        pub fn floats(self) -> [f32; LANES] {
            self.0.map(f32::from_bits)
        }
    }

    impl Twin {
        /// Puts two pixels together.
        #[inline]
        pub fn set(&mut self, first: &Pixel, second: &Pixel) {
            self.0 = from_fn(|lane| [first.0[lane], second.0[lane]]);
        }
    }
}

pub use imp::{Narrow, Wide};

#[cfg(test)]
mod tests {
    use super::*;

    fn words(values: [u32; LANES]) -> Wide {
        let bytes = values.map(u32::to_le_bytes);
        Wide::load(bytes.as_flattened().try_into().unwrap())
    }

    fn floats(values: [f32; LANES]) -> Wide {
        words(values.map(f32::to_bits))
    }

    fn whole(values: [i32; LANES]) -> Wide {
        words(values.map(|value| value as u32))
    }

    #[test]
    fn products_of_pairs_are_added() {
        let pixel = Pixel([1, -2, 3, 4, 32_767, -32_768, 7, 8]);
        let pair = Wide::splat::<2>(Narrow::load(&pixel));
        let mut twin = Twin::default();
        twin.set(&Pixel([2; LANES]), &Pixel([3; LANES]));
        let sum = whole([10; LANES]).add_products(pair, Wide::twin(&twin));
        let expected = (10 + 2 * 32_767 - 3 * 32_768) as f32;
        let one = floats([1.0; LANES]);
        assert_eq!(sum.scaled(one).floats(), [expected; LANES]);
    }

    #[test]
    fn floats_are_rounded_and_clamped() {
        let values = [-0.5, 0.5, 1.5, -1.6, 6143.4, 7000.0, 1e9, -1e7];
        let mut pixel = Pixel::default();
        floats(values).round::<false>(&mut pixel);
        assert_eq!(pixel.0, [0, 0, 2, -2, 6143, 7000, i16::MAX, i16::MIN]);
        floats(values).round::<true>(&mut pixel);
        assert_eq!(pixel.0, [0, 0, 2, 0, 6143, SIX, SIX, 0]);
    }

    #[test]
    fn channels_are_widened() {
        let channels = [0, 1, -1, 2, -2, 3, i16::MAX, i16::MIN];
        let sum = Wide::widened(&Pixel(channels)).scaled(floats([0.5; LANES]));
        let added = sum.add_floats(floats([1.0; LANES]));
        let expected = channels.map(|value| f32::from(value) / 2.0 + 1.0);
        assert_eq!(added.floats(), expected);
    }
}
