//! How much room there is.

use std::ffi::CString;
use std::io;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Bytes that this user may still write in the file system of `folder`.
///
/// # Errors
/// Whatever statvfs(3) says.
pub fn free_bytes(folder: &Path) -> io::Result<u64> {
    let path = CString::new(folder.as_os_str().as_bytes())?;
    let mut answer = MaybeUninit::<libc::statvfs>::uninit();
    // SAFETY: `path` is a C string that outlives the call, and `answer` has room for what statvfs writes.
    if unsafe { libc::statvfs(path.as_ptr(), answer.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: statvfs fills the whole structure when it returns 0.
    let answer = unsafe { answer.assume_init() };
    Ok(answer.f_bavail.saturating_mul(answer.f_frsize))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_folder_has_room_and_a_missing_one_is_an_error() {
        assert!(super::free_bytes(&std::env::temp_dir()).expect("there is such a folder") > 0);
        assert!(super::free_bytes("/no/such/folder".as_ref()).is_err());
    }
}
