//! Portable float maps: `Pf`, width, height, scale, then float32 from the bottom row to the top:
//! <https://www.pauldebevec.com/Research/HDR/PFM/>.

use std::io::Read;

use crate::ArrayError;
use crate::file::{Member, Storage};
use crate::numbers::{Layout, Number, Order};
use crate::source::Source;

/// More than any header has.
const LONGEST_HEADER: u64 = 256;

/// The map of a file. The magnitude of its scale is left alone, as every reader does; its sign tells the byte order.
pub(crate) fn open(source: &mut Source) -> Result<Member, ArrayError> {
    let mut start = Vec::new();
    let mut reader = (&mut source.reader).take(LONGEST_HEADER);
    reader
        .read_to_end(&mut start)
        .map_err(|error| source.error(error))?;
    if start.starts_with(b"PF") {
        let advice = "depth is one number a pixel: save it as grey (`Pf`)";
        return Err(source.unsupported("a PFM in colour (`PF`)", advice));
    }
    let Some((width, height, scale, at)) = header(&start) else {
        let expected = "`Pf`, width, height and a scale that is not 0";
        return Err(source.damaged(format!("its header is not {expected}")));
    };
    let layout = Layout {
        number: Number::F32,
        big_endian: scale > 0.0,
        order: Order::BottomUp,
    };
    let shape = vec![height, width];
    source.holds("", &shape, layout, source.length.saturating_sub(at))?;
    Ok(Member {
        name: String::new(),
        shape,
        storage: Storage::Plain { layout, at },
    })
}

/// Width, height, scale, and where the values begin: after the one blank that ends the scale.
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
