//! How depth files store metres: chosen explicitly and checked against each file's header.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// All encodings, as errors list them.
pub(crate) const NAMES: &str = "u8/N or u16/N (8- or 16-bit grey PNG with N stored units per metre, such as u8/25.5 or u16/6553.5), u16-mm (u16/1000), sunrgbd (SUN RGB-D's 16-bit PNG with rotated bits), float or float/N (.npy, .exr or .pfm in metres, or with N stored units per metre)";

/// Storage of a depth map. A stored 0 means "not measured" in all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum DepthEncoding {
    /// `u8/N`: 8-bit grey PNG, metres = value / N.
    U8(UnitsPerMetre),
    /// `u16/N`: 16-bit grey PNG, metres = value / N. `u16-mm` is `u16/1000`.
    U16(UnitsPerMetre),
    /// `sunrgbd`: 16-bit grey PNG of SUN RGB-D: millimetres, their 16 bits rotated left by three.
    /// Dividing by 8000 agrees up to 8.191 m and is wrong beyond.
    SunRgbd,
    /// `float`, `float/N`: an array (.npy, .npz or .safetensors with one array, .exr, .pfm), metres
    /// = value / N, where N is 1 for `float`. NaN, infinite and negative values mean "not
    /// measured".
    Float(UnitsPerMetre),
}

/// Stored units per metre: finite and above 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UnitsPerMetre(f64);

impl UnitsPerMetre {
    /// None unless `units` is finite and above 0.
    pub const fn new(units: f64) -> Option<Self> {
        if units > 0.0 && units.is_finite() {
            Some(Self(units))
        } else {
            None
        }
    }

    /// The number.
    pub const fn get(self) -> f64 {
        self.0
    }
}

// No NaN and no -0, so equal numbers have equal bits.
impl Eq for UnitsPerMetre {}

impl Hash for UnitsPerMetre {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.to_bits().hash(state);
    }
}

impl DepthEncoding {
    /// `u8/25.5`: 255 is 10 m. NYUv2 training pairs of MFF.
    pub const U8_OVER_25_5: Self = Self::U8(UnitsPerMetre(25.5));
    /// `u16-mm`: millimetres. NYUv2 test pairs, Kinect frames, ScanNet, rendered rooms.
    pub const U16_MM: Self = Self::U16(UnitsPerMetre(1000.0));
    /// `u16/256`: KITTI, rendered streets.
    pub const U16_OVER_256: Self = Self::U16(UnitsPerMetre(256.0));

    /// Bits per pixel of the PNG, 8 or 16; None for arrays.
    pub fn bits(self) -> Option<u8> {
        match self {
            Self::U8(_) => Some(8),
            Self::U16(_) | Self::SunRgbd => Some(16),
            Self::Float(_) => None,
        }
    }

    /// Depth in metres of a stored integer, computed in f64; 0 for a stored 0.
    pub fn metres(self, stored: u16) -> f32 {
        match self {
            Self::SunRgbd => (f64::from(stored.rotate_right(3)) / 1000.0) as f32,
            Self::U8(units) | Self::U16(units) | Self::Float(units) => {
                (f64::from(stored) / units.0) as f32
            }
        }
    }

    /// Depth in metres of a stored number; 0 for what is not a depth: 0, negative, NaN, infinite.
    pub(crate) fn metres_of_float(self, stored: f32) -> f32 {
        let units = match self {
            Self::SunRgbd => 1000.0,
            Self::U8(units) | Self::U16(units) | Self::Float(units) => units.0,
        };
        let metres = (f64::from(stored) / units) as f32;
        if metres > 0.0 && metres.is_finite() {
            metres
        } else {
            0.0
        }
    }

    /// The nearest stored integer of a depth in metres, at least 1 for depths above 0. Invalid
    /// depth (0, negative or not finite) is stored as 0.
    pub fn stored(self, metres: f32) -> u16 {
        if !(metres > 0.0 && metres.is_finite()) {
            return 0;
        }
        let nearest = |units: f64, largest| (metres * units as f32).round().clamp(1.0, largest);
        match self {
            Self::U8(units) => nearest(units.0, 255.0) as u16,
            Self::U16(units) | Self::Float(units) => nearest(units.0, 65535.0) as u16,
            Self::SunRgbd => (nearest(1000.0, 65535.0) as u16).rotate_left(3),
        }
    }

    /// The depth of the largest integer that the PNG can store; None for arrays.
    pub(crate) fn largest(self) -> Option<f32> {
        let bits = self.bits()?;
        Some(self.metres(if bits == 8 { 255 } else { u16::MAX }))
    }

    /// The files that the encoding reads, as errors name them.
    pub(crate) fn file_type(self) -> &'static str {
        match self.bits() {
            Some(8) => "an 8-bit grey PNG",
            Some(_) => "a 16-bit grey PNG",
            None => "an array (.npy, .exr or .pfm)",
        }
    }
}

/// The name of an encoding, as [`FromStr`] reads it.
impl fmt::Display for DepthEncoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::U8(units) => write!(f, "u8/{}", units.0),
            &Self::U16_MM => f.write_str("u16-mm"),
            Self::U16(units) => write!(f, "u16/{}", units.0),
            Self::SunRgbd => f.write_str("sunrgbd"),
            Self::Float(UnitsPerMetre(1.0)) => f.write_str("float"),
            Self::Float(units) => write!(f, "float/{}", units.0),
        }
    }
}

/// A name that is not a depth encoding.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown depth encoding `{0}`; expected {NAMES}; N is any number above 0")]
pub struct UnknownEncoding(pub String);

impl FromStr for DepthEncoding {
    type Err = UnknownEncoding;

    fn from_str(name: &str) -> Result<Self, UnknownEncoding> {
        let read = match name.split_once('/') {
            None => match name {
                "u16-mm" => Some(Self::U16_MM),
                "sunrgbd" => Some(Self::SunRgbd),
                "float" => UnitsPerMetre::new(1.0).map(Self::Float),
                _ => None,
            },
            Some((file, units)) => units_per_metre(units).and_then(|units| match file {
                "u8" => Some(Self::U8(units)),
                "u16" => Some(Self::U16(units)),
                "float" => Some(Self::Float(units)),
                _ => None,
            }),
        };
        read.ok_or_else(|| UnknownEncoding(name.to_owned()))
    }
}

/// A plain number such as `256`, `6553.5` or `1e3`: no sign, no `inf`.
fn units_per_metre(text: &str) -> Option<UnitsPerMetre> {
    let first = text.bytes().next()?;
    let plain = first.is_ascii_digit() || first == b'.';
    let units = text.parse().ok().filter(|_| plain)?;
    UnitsPerMetre::new(units)
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
