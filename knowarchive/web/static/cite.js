// Copies a citation. Without it, the text can be marked and copied, or taken as a file.
for (const section of document.querySelectorAll(".citation")) {
  const button = section.querySelector("button");
  const text = section.querySelector("pre");
  const told = section.querySelector("[role=status]");
  button.hidden = false;
  button.addEventListener("click", async () => {
    getSelection().selectAllChildren(text); // what is marked is what is copied, also where the clipboard is out of reach
    const copied = await (navigator.clipboard?.writeText(text.textContent) ?? Promise.reject(new Error())).then(
      () => true, () => document.execCommand("copy"),
    );
    told.textContent = copied ? "Copied." : "Marked: copy it with your keyboard or menu.";
  });
}
