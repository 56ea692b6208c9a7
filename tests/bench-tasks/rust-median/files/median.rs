fn main() {
    let mut numbers: Vec<String> = std::env::args().skip(1).collect();
    numbers.sort();
    println!("{}", numbers[(numbers.len() - 1) / 2]);
}
