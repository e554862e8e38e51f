int once(int x) { return x; }

int twice(int x) {
  int y = x;
  y += x;
  return y;
}
