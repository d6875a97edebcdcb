//! Random documents, written as people write them.

/// A stream of choices.
struct Choices(u64);

impl Choices {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % limit.max(1)
    }
}

/// Writes a document as people do: comments, blank lines, and every presentation there is.
pub(super) struct Author {
    choices: Choices,
    comments: usize,
    out: String,
    unit: usize,
    indented: bool,
}

impl Author {
    pub(super) fn document(seed: u64) -> String {
        let mut author = Self { choices: Choices(seed), comments: 0, out: String::new(), unit: 2, indented: false };
        author.unit = 2 + author.choices.below(3);
        author.indented = author.choices.below(2) == 0;
        if author.choices.below(4) == 0 {
            author.out.push_str("---");
            author.trail();
        }
        author.mapping(0, 0, false);
        match author.choices.below(4) {
            0 => author.out.push_str("...\n"),
            1 => author.out.push_str("---\nother: document # c\n"),
            2 => {
                author.out.pop();
            }
            _ => {}
        }
        if author.choices.below(3) == 0 { author.out.replace('\n', "\r\n") } else { author.out }
    }

    fn write(&mut self, text: std::fmt::Arguments<'_>) {
        self.out.push_str(&text.to_string());
    }

    fn comment(&mut self) -> String {
        self.comments += 1;
        format!("# comment {}", self.comments)
    }

    /// Ends a line, perhaps with a comment.
    fn trail(&mut self) {
        if self.choices.below(4) == 0 {
            let comment = self.comment();
            self.write(format_args!("  {comment}"));
        }
        self.out.push('\n');
    }

    fn above(&mut self, column: usize) {
        match self.choices.below(8) {
            0 => {
                let comment = self.comment();
                self.write(format_args!("{:column$}{comment}\n", ""));
            }
            1 => self.out.push('\n'),
            _ => {}
        }
    }

    fn mapping(&mut self, column: usize, depth: usize, begun: bool) {
        for number in 0..=self.choices.below(4) {
            if !(begun && number == 0) {
                self.above(column);
                self.out.push_str(&" ".repeat(column));
            }
            let quote = ["", "", "", "'", "\""][self.choices.below(5)];
            let letter = char::from(b'a' + u8::try_from(self.choices.below(12)).unwrap());
            self.write(format_args!("{quote}{letter}{number}{quote}:"));
            self.value(column, depth, false);
        }
    }

    fn value(&mut self, column: usize, depth: usize, item: bool) {
        let kinds = if depth > 3 { 9 } else { 12 };
        match self.choices.below(kinds) {
            0 => self.trail(),
            1 => self.line(" plain text"),
            2 => self.line(" 'single ''quoted'' text'"),
            3 => self.line(" \"double \\\"quoted\\\"\\n text\""),
            4 => self.block(column),
            5 => {
                let text = [" {}", " []", " ~", " 12", " yes"][self.choices.below(5)];
                self.line(text);
            }
            6 => self.line(" {a: 1, \"b\": [x, y], c: {d: }}"),
            7 => {
                let indent = " ".repeat(column + self.unit);
                self.line(&format!(" plain\n{indent}over\n\n{indent}lines"));
            }
            8 => {
                let indent = " ".repeat(column + self.unit);
                self.line(&format!(" {{\n{indent}a: 1,\n{indent}b: [x]\n{indent}}}"));
            }
            9 if item => {
                self.out.push(' ');
                self.mapping(column + 2, depth + 1, true);
            }
            9 | 10 => {
                self.trail();
                self.mapping(column + self.unit, depth + 1, false);
            }
            _ => {
                self.trail();
                let deeper = if self.indented || item { self.unit } else { 0 };
                for _ in 0..=self.choices.below(3) {
                    self.above(column + deeper);
                    self.write(format_args!("{:width$}-", "", width = column + deeper));
                    self.value(column + deeper, depth + 1, true);
                }
            }
        }
    }

    fn line(&mut self, text: &str) {
        self.out.push_str(text);
        self.trail();
    }

    fn block(&mut self, column: usize) {
        let indent = column + self.unit;
        let header = ["|", "|-", "|+", ">", ">-", ">+"][self.choices.below(6)];
        self.write(format_args!(" {header}"));
        self.trail();
        for line in ["first", "", "  deeper", "# no comment"].iter().take(1 + self.choices.below(4)) {
            let indent = if line.is_empty() { 0 } else { indent };
            self.write(format_args!("{:indent$}{line}\n", ""));
        }
        if self.choices.below(3) == 0 {
            self.out.push('\n');
        }
    }
}
