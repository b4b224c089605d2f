// Copyright-free stub
