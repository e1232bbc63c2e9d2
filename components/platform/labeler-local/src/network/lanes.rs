//! Arithmetic on eight channels at once.
//!
//! In wasm this is simd128, switched on function by function, so that no build
//! needs a flag for it. Elsewhere it is plain Rust that the compiler vectorizes.

/// Channels that are handled together.
pub const LANES: usize = 8;

/// One value for each of eight neighbouring channels, as it lies in memory.
#[derive(Clone, Copy, Default, Debug, PartialEq)]
#[repr(align(32))]
pub struct Pixel(pub [f32; LANES]);

/// Eight 16-bit floats, little-endian.
pub type Halves = [u8; 2 * LANES];

/// 2^112: what lifts the exponent of a 16-bit float, once its bits are in
/// place, to where a 32-bit float has it. Exact for subnormal numbers too.
const HALF_EXPONENT: f32 = f32::from_bits(0x7780_0000);

#[cfg(target_arch = "wasm32")]
#[allow(unsafe_code)]
mod imp {
    use core::arch::wasm32::*;

    use super::{HALF_EXPONENT, Halves, Pixel};

    /// Eight values in two registers.
    #[derive(Clone, Copy)]
    pub struct Wide(v128, v128);

    impl Wide {
        /// Reads a pixel.
        #[inline]
        #[target_feature(enable = "simd128")]
        pub fn load(pixel: &Pixel) -> Self {
            let address = (&raw const pixel.0).cast::<v128>();
            // SAFETY: a pixel is two vectors long, and any bits are a vector.
            unsafe { Self(v128_load(address), v128_load(address.add(1))) }
        }

        /// Writes a pixel.
        #[inline]
        #[target_feature(enable = "simd128")]
        pub fn store(self, pixel: &mut Pixel) {
            let address = (&raw mut pixel.0).cast::<v128>();
            // SAFETY: a pixel is two vectors long, and any bits are floats.
            unsafe {
                v128_store(address, self.0);
                v128_store(address.add(1), self.1);
            }
        }

        /// Converts 16-bit floats; infinities and NaN do not occur in weights.
        #[inline]
        #[target_feature(enable = "simd128")]
        pub fn from_halves(halves: &Halves) -> Self {
            let address = halves.as_ptr().cast::<u16>();
            // SAFETY: the two loads read the sixteen bytes; alignment is not required.
            let (low, high) = unsafe {
                (
                    u32x4_load_extend_u16x4(address),
                    u32x4_load_extend_u16x4(address.add(4)),
                )
            };
            Self(widen(low), widen(high))
        }

        /// `self + factor * other`.
        #[inline]
        #[target_feature(enable = "simd128")]
        pub fn add_scaled(self, factor: f32, other: Self) -> Self {
            let factor = f32x4_splat(factor);
            Self(
                f32x4_add(self.0, f32x4_mul(factor, other.0)),
                f32x4_add(self.1, f32x4_mul(factor, other.1)),
            )
        }

        /// `self + a * b`, lane by lane.
        #[inline]
        #[target_feature(enable = "simd128")]
        pub fn add_product(self, a: Self, b: Self) -> Self {
            Self(
                f32x4_add(self.0, f32x4_mul(a.0, b.0)),
                f32x4_add(self.1, f32x4_mul(a.1, b.1)),
            )
        }

        /// `self + other`, lane by lane.
        #[inline]
        #[target_feature(enable = "simd128")]
        pub fn add(self, other: Self) -> Self {
            Self(f32x4_add(self.0, other.0), f32x4_add(self.1, other.1))
        }

        /// Clamped to 0 and 6.
        #[inline]
        #[target_feature(enable = "simd128")]
        pub fn relu6(self) -> Self {
            Self(clamp(self.0), clamp(self.1))
        }
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    fn widen(halves: v128) -> v128 {
        let magnitude = i32x4_shl(v128_and(halves, u32x4_splat(0x7fff)), 13);
        let sign = i32x4_shl(v128_and(halves, u32x4_splat(0x8000)), 16);
        v128_or(f32x4_mul(magnitude, f32x4_splat(HALF_EXPONENT)), sign)
    }

    // pmin and pmax are one instruction on x86, min and max are several.
    #[inline]
    #[target_feature(enable = "simd128")]
    fn clamp(values: v128) -> v128 {
        f32x4_pmin(f32x4_pmax(values, f32x4_splat(0.0)), f32x4_splat(6.0))
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod imp {
    use core::array::from_fn;

    use super::{HALF_EXPONENT, Halves, LANES, Pixel};

    /// Eight values.
    #[derive(Clone, Copy)]
    pub struct Wide([f32; LANES]);

    impl Wide {
        /// Reads a pixel.
        #[inline]
        pub fn load(pixel: &Pixel) -> Self {
            Self(pixel.0)
        }

        /// Writes a pixel.
        #[inline]
        pub fn store(self, pixel: &mut Pixel) {
            pixel.0 = self.0;
        }

        /// Converts 16-bit floats; infinities and NaN do not occur in weights.
        #[inline]
        pub fn from_halves(halves: &Halves) -> Self {
            let (pairs, _) = halves.as_chunks::<2>();
            Self(from_fn(|lane| {
                let half = pairs.get(lane).map_or(0, |&pair| u16::from_le_bytes(pair));
                let magnitude = f32::from_bits(u32::from(half & 0x7fff) << 13) * HALF_EXPONENT;
                f32::from_bits(magnitude.to_bits() | u32::from(half & 0x8000) << 16)
            }))
        }

        /// `self + factor * other`.
        #[inline]
        pub fn add_scaled(self, factor: f32, other: Self) -> Self {
            self.add_product(Self([factor; LANES]), other)
        }

        /// `self + a * b`, lane by lane.
        #[inline]
        pub fn add_product(self, a: Self, b: Self) -> Self {
            Self(from_fn(|lane| self.0[lane] + a.0[lane] * b.0[lane]))
        }

        /// `self + other`, lane by lane.
        #[inline]
        pub fn add(self, other: Self) -> Self {
            Self(from_fn(|lane| self.0[lane] + other.0[lane]))
        }

        /// Clamped to 0 and 6.
        #[inline]
        pub fn relu6(self) -> Self {
            Self(self.0.map(|value| value.clamp(0.0, 6.0)))
        }
    }
}

pub use imp::Wide;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_bit_floats_are_read_exactly() {
        // 1, -2, 65504 (the largest), 2^-14 (the smallest normal),
        // 2^-24 (the smallest subnormal), 0, -0, 1/3 rounded.
        let bits: [u16; 8] = [
            0x3c00, 0xc000, 0x7bff, 0x0400, 0x0001, 0x0000, 0x8000, 0x3555,
        ];
        let mut halves = [0; 16];
        for (bytes, half) in halves.as_chunks_mut::<2>().0.iter_mut().zip(bits) {
            *bytes = half.to_le_bytes();
        }
        let mut pixel = Pixel::default();
        Wide::from_halves(&halves).store(&mut pixel);
        let expected = [
            1.0,
            -2.0,
            65504.0,
            2f32.powi(-14),
            2f32.powi(-24),
            0.0,
            -0.0,
            0.333_251_95,
        ];
        assert_eq!(
            pixel.0.map(f32::to_bits),
            expected.map(|value: f32| value.to_bits())
        );
    }
}
