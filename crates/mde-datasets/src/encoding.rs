//! The unit and bit depth of depth PNGs: chosen explicitly and checked against the file's header.

use std::fmt;
use std::num::NonZeroU16;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Unit and bit depth of a depth PNG. A stored 0 means "not measured" in all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum DepthEncoding {
    /// `u8/25.5`: 8-bit grey, metres = value / 25.5, up to 10 m. NYUv2 training pairs of MFF.
    U8Over25_5,
    /// `u16/N`: 16-bit grey, metres = value / N (N stored units per metre). `u16-mm` is `u16/1000`.
    U16Over(NonZeroU16),
}

const fn units(per_metre: u16) -> NonZeroU16 {
    match NonZeroU16::new(per_metre) {
        Some(units) => units,
        None => NonZeroU16::MIN,
    }
}

impl DepthEncoding {
    /// `u16-mm`: 16-bit grey, millimetres. NYUv2 test pairs, Kinect frames, ScanNet, rendered
    /// rooms.
    pub const U16_MM: Self = Self::U16Over(units(1000));
    /// `u16/256`: 16-bit grey, 256 units per metre. KITTI, rendered streets.
    pub const U16_OVER_256: Self = Self::U16Over(units(256));

    /// Bits per pixel: 8 or 16.
    pub fn bits(self) -> u8 {
        match self {
            Self::U8Over25_5 => 8,
            Self::U16Over(_) => 16,
        }
    }

    /// Depth in metres of a stored value; 0 for a stored 0.
    pub fn metres(self, stored: u16) -> f32 {
        f32::from(stored) / self.per_metre()
    }

    /// The nearest stored value of a depth in metres, at least 1 for depths above 0. Invalid depth
    /// (0, negative or not finite) is stored as 0.
    pub fn stored(self, metres: f32) -> u16 {
        if !(metres > 0.0 && metres.is_finite()) {
            return 0;
        }
        let max = if self.bits() == 8 { 255.0 } else { 65535.0 };
        (metres * self.per_metre()).round().clamp(1.0, max) as u16
    }

    fn per_metre(self) -> f32 {
        match self {
            Self::U8Over25_5 => 25.5,
            Self::U16Over(units) => f32::from(units.get()),
        }
    }

    pub(crate) fn png_type(self) -> &'static str {
        match self.bits() {
            8 => "an 8-bit grey",
            _ => "a 16-bit grey",
        }
    }
}

/// The name of an encoding, as [`FromStr`] reads it.
impl fmt::Display for DepthEncoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::U8Over25_5 => f.write_str("u8/25.5"),
            &Self::U16_MM => f.write_str("u16-mm"),
            Self::U16Over(units) => write!(f, "u16/{units}"),
        }
    }
}

/// A name that is not a depth encoding.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown depth encoding `{0}`; expected u8/25.5, u16-mm, or u16/N with N stored units per metre (1 to 65535), such as u16/256"
)]
pub struct UnknownEncoding(pub String);

impl FromStr for DepthEncoding {
    type Err = UnknownEncoding;

    fn from_str(name: &str) -> Result<Self, UnknownEncoding> {
        match name {
            "u8/25.5" => return Ok(Self::U8Over25_5),
            "u16-mm" => return Ok(Self::U16_MM),
            _ => {}
        }
        name.strip_prefix("u16/")
            .filter(|units| units.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|units| units.parse().ok())
            .map(Self::U16Over)
            .ok_or_else(|| UnknownEncoding(name.to_owned()))
    }
}

impl TryFrom<String> for DepthEncoding {
    type Error = UnknownEncoding;

    fn try_from(name: String) -> Result<Self, UnknownEncoding> {
        name.parse()
    }
}

impl From<DepthEncoding> for String {
    fn from(encoding: DepthEncoding) -> Self {
        encoding.to_string()
    }
}
