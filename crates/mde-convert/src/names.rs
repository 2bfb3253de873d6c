//! Names from outside that become names of files.

/// The longest name of a scene or number of a frame.
const MAX_LENGTH: usize = 64;

/// Whether this can be the name of a folder anywhere: letters, digits, `_`, `-`.
pub(crate) fn is_scene(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    (1..=MAX_LENGTH).contains(&name.len()) && name.chars().all(allowed)
}

/// Whether this is the number of a frame: digits only.
pub(crate) fn is_number(name: &str) -> bool {
    (1..=MAX_LENGTH).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_digit())
}

/// The last three parts of a path inside an archive, the folder above the scene (if any), the scene and the file.
pub(crate) fn tail(path: &str) -> Option<(Option<&str>, &str, &str)> {
    let mut parts = path.rsplit(['/', '\\']);
    let (file, scene) = (parts.next()?, parts.next()?);
    is_scene(scene).then_some((parts.next(), scene, file))
}
