//! Text files of other systems: byte order marks, UTF-16, line ends.
