//! How a depth PNG writes metres: an explicit choice, checked against the file's header.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::DatasetError;

/// The unit and bit depth of a depth PNG. A stored 0 is "no measurement" in all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum DepthEncoding {
    /// 8-bit grey, metres = value / 25.5: the full range is 10 m. NYUv2 training pairs of MFF.
    #[serde(rename = "u8/25.5")]
    U8Over25_5,
    /// 16-bit grey, millimetres. NYUv2 test pairs, raw Kinect frames, rendered rooms.
    #[serde(rename = "u16-mm")]
    U16Millimetres,
    /// 16-bit grey, metres = value / 256. KITTI.
    #[serde(rename = "u16/256")]
    U16Over256,
}

impl DepthEncoding {
    /// All encodings.
    pub const ALL: [Self; 3] = [Self::U8Over25_5, Self::U16Millimetres, Self::U16Over256];

    /// The name that [`FromStr`] reads and results record.
    pub fn name(self) -> &'static str {
        match self {
            Self::U8Over25_5 => "u8/25.5",
            Self::U16Millimetres => "u16-mm",
            Self::U16Over256 => "u16/256",
        }
    }

    /// Bits per pixel of the PNG: 8 or 16.
    pub fn bits(self) -> u8 {
        match self {
            Self::U8Over25_5 => 8,
            Self::U16Millimetres | Self::U16Over256 => 16,
        }
    }

    /// The stored value's depth in metres; 0 for a stored 0.
    pub fn metres(self, stored: u16) -> f32 {
        f32::from(stored) / self.per_metre()
    }

    /// The inverse: the nearest value that can be stored, at least 1 for a depth above 0. What is no depth (0, negative or not
    /// finite) is stored as 0.
    pub fn stored(self, metres: f32) -> u16 {
        if !(metres > 0.0 && metres.is_finite()) {
            return 0;
        }
        let most = if self.bits() == 8 { 255.0 } else { 65535.0 };
        (metres * self.per_metre()).round().clamp(1.0, most) as u16
    }

    fn per_metre(self) -> f32 {
        match self {
            Self::U8Over25_5 => 25.5,
            Self::U16Millimetres => 1000.0,
            Self::U16Over256 => 256.0,
        }
    }

    pub(crate) fn png_type(self) -> &'static str {
        match self.bits() {
            8 => "an 8-bit grey",
            _ => "a 16-bit grey",
        }
    }
}

impl fmt::Display for DepthEncoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for DepthEncoding {
    type Err = DatasetError;

    fn from_str(name: &str) -> Result<Self, DatasetError> {
        Self::ALL
            .into_iter()
            .find(|encoding| encoding.name() == name)
            .ok_or_else(|| DatasetError::UnknownEncoding(name.to_owned()))
    }
}
