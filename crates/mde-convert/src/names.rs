//! Checks names from archives that become file names.

/// Maximum length of a scene name or frame number.
const MAX_LENGTH: usize = 64;

/// Whether a name is a valid folder name on any system: letters, digits, `_` and `-`.
pub(crate) fn is_scene(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    (1..=MAX_LENGTH).contains(&name.len()) && name.chars().all(allowed)
}

/// Whether a name is a frame number: digits only.
pub(crate) fn is_number(name: &str) -> bool {
    (1..=MAX_LENGTH).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_digit())
}

/// The last three parts of a path in an archive: the folder above the scene (if any), scene and
/// file.
pub(crate) fn split_path(path: &str) -> Option<(Option<&str>, &str, &str)> {
    let mut parts = path.rsplit(['/', '\\']);
    let (file, scene) = (parts.next()?, parts.next()?);
    is_scene(scene).then_some((parts.next(), scene, file))
}
