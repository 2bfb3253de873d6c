//! Portable float maps: `Pf`, width, height, scale, then float32 rows from bottom to top:
//! <https://www.pauldebevec.com/Research/HDR/PFM/>.

use std::io::Read;

use crate::ArrayError;
use crate::member::{Member, Storage};
use crate::numbers::{Layout, Number, Order};
use crate::source::Source;

/// Upper bound of the header's length in bytes.
const MAX_HEADER_LENGTH: u64 = 256;

/// The map of a file.
///
/// The sign of the scale gives the byte order. Its magnitude is ignored, as other readers do.
pub(crate) fn open(source: &mut Source) -> Result<Member, ArrayError> {
    let mut start = Vec::new();
    let mut reader = (&mut source.reader).take(MAX_HEADER_LENGTH);
    reader
        .read_to_end(&mut start)
        .map_err(|error| source.error(error))?;
    if start.starts_with(b"PF") {
        let advice = "save depth as greyscale (`Pf`), one number per pixel";
        return Err(source.unsupported("a colour PFM (`PF`)", advice));
    }
    let Some((width, height, scale, at)) = header(&start) else {
        let reason = "its header is not `Pf`, width, height and a non-zero scale";
        return Err(source.damaged(reason));
    };
    let layout = Layout {
        number: Number::F32,
        big_endian: scale > 0.0,
        order: Order::BottomUp,
    };
    let shape = vec![height, width];
    source.check_exact_size("", &shape, layout, source.length.saturating_sub(at))?;
    Ok(Member {
        name: String::new(),
        shape,
        storage: Storage::Plain { layout, at },
    })
}

/// Width, height, scale and offset of the values, which follow the one blank after the scale.
fn header(start: &[u8]) -> Option<(usize, usize, f32, u64)> {
    let mut rest = start.strip_prefix(b"Pf")?;
    let mut next = || {
        rest = rest.trim_ascii_start();
        let end = rest.iter().position(u8::is_ascii_whitespace)?;
        let word;
        (word, rest) = rest.split_at(end);
        std::str::from_utf8(word).ok()
    };
    let width = next()?.parse().ok()?;
    let height = next()?.parse().ok()?;
    let scale: f32 = next()?.parse().ok()?;
    let at = start.len() - rest.len() + 1;
    (scale.is_finite() && scale != 0.0).then_some((width, height, scale, at as u64))
}
