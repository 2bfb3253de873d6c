//! Files of other programs, and advice that is run as printed.
