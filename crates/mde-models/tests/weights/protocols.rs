//! Pickle protocols 0 to 5: other instructions for the same checkpoint.

use crate::common::{assert_says, load, parameters, refused, values};
use crate::pth::{Entry, Pickle, below, checkpoint_of, floats, state_dict, state_dict_in};

fn model() -> mde_models::Parameters {
    parameters(&[("w", vec![2])])
}

fn entries() -> [Entry; 1] {
    [floats("w", &[2], &[1.0, 2.0])]
}

/// `{"skipped": these instructions, "w": tensor}` in this protocol.
fn beside(protocol: u8, skipped: &[u8]) -> Vec<u8> {
    let pickle = Pickle(Vec::new(), protocol)
        .raw(b"}(")
        .text("skipped")
        .raw(skipped)
        .text("w")
        .tensor(&entries()[0])
        .raw(b"u");
    checkpoint_of(pickle, &entries())
}

#[test]
fn protocols_2_to_5_are_read() {
    for protocol in 2..=5 {
        for pickle in [
            state_dict_in(protocol, &entries()),
            below("model", state_dict_in(protocol, &entries())),
        ] {
            let model = model();
            load(&model, &checkpoint_of(pickle, &entries())).unwrap();
            assert_eq!(values(&model, "w"), [1.0, 2.0], "protocol {protocol}");
        }
    }
}

#[test]
fn protocol_1_has_no_header() {
    let program = state_dict(&entries()).program();
    let body = program.strip_prefix(b"\x80\x02").unwrap();
    let files = [
        ("archive/data.pkl", body),
        ("archive/data/of.w", &entries()[0].bytes[..]),
    ];
    let model = model();
    load(&model, &crate::pth::archive(&files)).unwrap();
    assert_eq!(values(&model, "w"), [1.0, 2.0]);
}

/// Each kind of value that pickles have, beside the tensor.
#[test]
fn every_instruction_is_passed_over() {
    let long = [b"\x8d", &300u64.to_le_bytes()[..], &[b'x'; 300], b"\x94"].concat();
    let bytes = |opcode: u8, length: &[u8]| [&[opcode], length, b"abc"].concat();
    for (protocol, skipped) in [
        (2, b"I01\n".to_vec()),
        (2, b"I-12\n".to_vec()),
        (2, b"L12345678901234567890123L\n".to_vec()),
        (2, b"F0.5\n".to_vec()),
        (2, b"S'text'\n".to_vec()),
        (2, b"Vtext\n".to_vec()),
        (2, b"(I1\nI2\nl".to_vec()),
        (2, b"(S'a'\nI1\nd".to_vec()),
        (2, b"Np7\n0g7\n".to_vec()),
        (2, b"U\x03abc".to_vec()),
        (2, b"T\x03\x00\x00\x00ab\xff".to_vec()),
        (2, b"\x8b\x02\x00\x00\x00\x01\x02".to_vec()),
        (2, b"X\x02\x00\x00\x00\xff\xfe".to_vec()),
        (2, b"N20".to_vec()),
        (2, b"N(NN1".to_vec()),
        (2, b"G\x3f\xf0\x00\x00\x00\x00\x00\x00".to_vec()),
        (2, b"(icollections\nOther\n".to_vec()),
        (2, b"(cmodule\nClass\nNo".to_vec()),
        (
            2,
            b"cmodule\nClass\n(K\x01tR}X\x01\x00\x00\x00aK\x01sb".to_vec(),
        ),
        (2, b"cmodule\nClass\n)\x81]K\x01ab".to_vec()),
        (2, b"cmodule\nClass\n)R(K\x01K\x02u".to_vec()),
        (2, b"cmodule\nClass\n)R(K\x01K\x02e".to_vec()),
        (2, b"cmodule\nf\n)R)R".to_vec()),
        (2, b"\x82\x01".to_vec()),
        (2, b"\x83\x01\x02".to_vec()),
        (2, b"\x84\x01\x02\x03\x04".to_vec()),
        (3, bytes(b'C', &[3])),
        (3, bytes(b'B', &3u32.to_le_bytes())),
        (4, bytes(0x8e, &3u64.to_le_bytes())),
        (4, long),
        (4, b"\x8f\x94(K\x01K\x02\x90".to_vec()),
        (4, b"(K\x01K\x02\x91\x94".to_vec()),
        (4, b"\x8c\x01m\x8c\x01C\x93)}\x92".to_vec()),
        (5, bytes(0x96, &3u64.to_le_bytes())),
        (
            5,
            [bytes(0x96, &3u64.to_le_bytes()), b"\x98".to_vec()].concat(),
        ),
    ] {
        let model = model();
        if let Err(error) = load(&model, &beside(protocol, &skipped)) {
            panic!("{}: {error}", skipped.escape_ascii());
        }
        assert_eq!(values(&model, "w"), [1.0, 2.0]);
    }
}

#[test]
fn what_no_file_has_is_an_error() {
    for (protocol, instructions, part) in [
        (5, b"\x97".as_slice(), "buffers that are not in the file"),
        (2, b"Pid\n", "unknown instruction 0x50"),
        (2, b"\xff", "unknown instruction 0xff"),
        (2, b"o", "was not opened"),
        (2, b"(o", "without a class"),
        (2, b"g7\n", "before it is defined"),
        (2, b"gx\n", "numbers its values wrongly"),
    ] {
        assert_says(&refused(&model(), &beside(protocol, instructions)), &[part]);
    }
    let mut newer = state_dict(&entries()).program();
    newer[1] = 6;
    let message = refused(
        &model(),
        &crate::pth::archive(&[("archive/data.pkl", &newer)]),
    );
    assert_says(&message, &["protocol 6", "newest known is 5"]);
}

/// Lengths of gigabytes and more.
#[test]
fn false_lengths_are_not_allocated() {
    let huge = u64::MAX.to_le_bytes();
    for opcode in [0x8d, 0x8e, 0x96] {
        let instructions = [&[opcode], &huge[..]].concat();
        assert_says(
            &refused(&model(), &beside(5, &instructions)),
            &["cut short"],
        );
    }
    assert_says(
        &refused(&model(), &beside(2, b"\x8b\xff\xff\xff\xff")),
        &["cut short"],
    );
}
