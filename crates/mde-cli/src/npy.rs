//! NumPy's array files, as far as they are needed: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>.

/// A row-major map `[height, width]` as `.npy` of format version 1.0, little-endian float32.
pub(crate) fn npy(values: &[f32], (height, width): (usize, usize)) -> Vec<u8> {
    /// Name, version, and the header's length in two bytes.
    const BEFORE_HEADER: usize = 10;
    const ALIGNMENT: usize = 64;
    let header =
        format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({height}, {width}), }}");
    // The header ends in a line break, padded so that the values are aligned.
    let values_at = (BEFORE_HEADER + header.len() + 1).next_multiple_of(ALIGNMENT);
    let header = format!("{header:width$}\n", width = values_at - BEFORE_HEADER - 1);
    let mut file = Vec::with_capacity(values_at + 4 * values.len());
    file.extend(b"\x93NUMPY\x01\x00");
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.as_bytes());
    file.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_numpys_to_the_byte() {
        // What `numpy.save` wrote of [[0, 1.5, -2], [nan, inf, 3e-39]].
        let values = [0.0, 1.5, -2.0, f32::NAN, f32::INFINITY, 3e-39];
        let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
        let mut expected = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
        expected.extend(format!("{header:117}\n").bytes());
        for bytes in [
            [0, 0, 0, 0],
            [0, 0, 0xc0, 0x3f],
            [0, 0, 0, 0xc0],
            [0, 0, 0xc0, 0x7f],
            [0, 0, 0x80, 0x7f],
            [0xc8, 0xaa, 0x20, 0],
        ] {
            expected.extend::<[u8; 4]>(bytes);
        }
        assert_eq!(npy(&values, (2, 3)), expected);
    }

    #[test]
    fn values_are_aligned_whatever_the_shape() {
        for (height, width) in [(1, 1), (480, 640), (1_000_000, 100_000_000), (7, 0)] {
            let file = npy(&[], (height, width));
            assert_eq!(file.len() % 64, 0);
            assert_eq!(
                usize::from(file[8]) + 256 * usize::from(file[9]) + 10,
                file.len()
            );
            assert_eq!(file.last(), Some(&b'\n'));
            let text = String::from_utf8_lossy(&file);
            assert!(text.contains(&format!("'shape': ({height}, {width}), }}")));
        }
    }
}
