const form = document.getElementById("login");
const problem = document.getElementById("problem");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  problem.textContent = "";
  const body = JSON.stringify(Object.fromEntries(new FormData(form)));
  const headers = { "Content-Type": "application/json" };
  try {
    const answer = await fetch("/api/v1/login", { method: "POST", headers, body });
    if (answer.ok) {
      location.replace("/");
      return;
    }
    problem.textContent = (await answer.json()).detail;
  } catch {
    problem.textContent = "The server does not answer.";
  }
  form.elements.password.select();
});
