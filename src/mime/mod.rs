//! Headers, structure, words, stamps, bounces; the door of mail-parser. Pure.
