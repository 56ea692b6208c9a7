//! `without-pidfd PROGRAM [ARGUMENT…]` runs a program for which the kernel refuses `pidfd_open`, as
//! gVisor and old seccomp lists do.
#![allow(missing_docs, unsafe_code, clippy::unwrap_used, clippy::print_stderr)]

use std::arch::asm;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// An instruction of a BPF program, in the form of the kernel.
#[repr(C)]
struct Instruction {
    code: u16,
    if_true: u8,
    if_false: u8,
    value: u32,
}

#[repr(C)]
struct Program {
    length: u16,
    first: *const Instruction,
}

const PIDFD_OPEN: u32 = 434;
const ENOSYS: u32 = 38;
const PR_SET_NO_NEW_PRIVS: usize = 38;
const PR_SET_SECCOMP: usize = 22;
const SECCOMP_MODE_FILTER: usize = 2;

/// Loads the number of the system call, answers ENOSYS if that is `pidfd_open`, and otherwise
/// allows it.
const FILTER: [Instruction; 4] = [
    Instruction { code: 0x20, if_true: 0, if_false: 0, value: 0 },
    Instruction { code: 0x15, if_true: 0, if_false: 1, value: PIDFD_OPEN },
    Instruction { code: 0x06, if_true: 0, if_false: 0, value: 0x0005_0000 | ENOSYS },
    Instruction { code: 0x06, if_true: 0, if_false: 0, value: 0x7fff_0000 },
];

fn prctl(option: usize, second: usize, third: usize) -> isize {
    let result: isize;
    // SAFETY: the two options that are used here only read their arguments, which outlive the call.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        asm!("syscall", inlateout("rax") 157isize => result, in("rdi") option, in("rsi") second,
            in("rdx") third, in("r10") 0, in("r8") 0, lateout("rcx") _, lateout("r11") _);
        #[cfg(target_arch = "aarch64")]
        asm!("svc 0", in("x8") 167, inlateout("x0") option => result, in("x1") second,
            in("x2") third, in("x3") 0, in("x4") 0);
    }
    result
}

fn main() {
    let program = Program { length: FILTER.len() as u16, first: FILTER.as_ptr() };
    assert_eq!(prctl(PR_SET_NO_NEW_PRIVS, 1, 0), 0, "no new privileges");
    let filter = &raw const program as usize;
    assert_eq!(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, filter), 0, "the filter");
    let mut words = std::env::args_os().skip(1);
    let error = Command::new(words.next().unwrap()).args(words).exec();
    eprintln!("without-pidfd: {error}");
    std::process::exit(127);
}
